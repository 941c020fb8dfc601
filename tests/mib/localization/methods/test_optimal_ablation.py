"""Optimal ablation: constants that lose the least, learned where that can be computed by hand."""

from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.localization import get
from mib.localization.methods.optimal_ablation import (
    _slope,
    mean_outputs,
    metric_when_replaced,
    optimal_constants,
    with_constants,
)
from mib.metrics import NegativeSquaredDistance
from tests.mib.localization.handmade import CHAIN, chain_task, top
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import random_model


def direct_path_task() -> mib.LocalizationTask:
    """Only the token embedding reaches the one output, and the metric looks at two of the six positions."""
    model = random_model(n_layers=1, n_outputs=1)
    for parameter in (*model.blocks.parameters(), model.pos_embed.W_pos):
        parameter.zero_()
    tokens = torch.randint(7, (2, 24, 6), generator=torch.Generator().manual_seed(0))
    tokens[:, :, 1:3] %= 2  # so that the mean over all positions is another one
    mask = torch.zeros(24, 6, dtype=torch.bool)
    mask[:, 1:3] = True
    metric = NegativeSquaredDistance(model(tokens[0])[..., 0], mask)
    return make_task(model=model, clean=tokens[0], counterfactual=tokens[1], metric=metric)


def test_the_constant_is_the_mean_over_what_the_metric_reads() -> None:
    """A squared error is least at the mean of its targets, and is then their variance."""
    task = direct_path_task()
    reached = task.metric.target[:, 1:3]  # type: ignore[union-attr]
    constants = optimal_constants(task, steps=400, examples=24)
    model: Any = task.model
    output = constants[0] @ model.unembed.W_U[:, 0] + model.unembed.b_U[0]
    assert output.item() == pytest.approx(reached.mean().item(), abs=1e-3)
    best = metric_when_replaced(task, constants)[0].item()
    assert best == pytest.approx(-reached.var(correction=0).item(), abs=1e-4)
    off = (model(task.clean)[..., 0].mean() - reached.mean()).item()
    assert metric_when_replaced(task, mean_outputs(task))[0].item() == pytest.approx(best - off**2, abs=1e-4)
    assert abs(off) > 0.05


def test_the_loss_falls_with_the_steps() -> None:
    task = direct_path_task()
    reached = [
        metric_when_replaced(task, optimal_constants(task, steps=n, examples=24, learning_rate=1e-3))[0]
        for n in (1, 5, 20, 60)
    ]
    start = metric_when_replaced(task, mean_outputs(task))[0]
    assert all(later > earlier for earlier, later in zip([start, *reached], reached, strict=False))


@pytest.mark.parametrize("pos", [False, True])
@pytest.mark.parametrize("parallel", [False, True])
def test_no_source_does_worse_than_with_its_mean(parallel: bool, pos: bool) -> None:
    model = random_model(parallel=parallel)
    task = make_task(model=model, graph=mib.Graph(2, 2, 8, parallel=parallel, pos=pos))
    mean = mean_outputs(task)
    learned = metric_when_replaced(task, optimal_constants(task, steps=20))
    assert (learned >= metric_when_replaced(task, mean)).all()
    assert (learned > metric_when_replaced(task, mean)).sum() > len(learned) / 2


@pytest.mark.parametrize("memory", [2**31, 1])
@pytest.mark.parametrize("pos", [False, True])
@pytest.mark.parametrize("parallel", [False, True])
def test_the_gradient_is_that_of_the_replaced_run(parallel: bool, pos: bool, memory: int) -> None:
    model = random_model(parallel=parallel)
    task = make_task(model=model, graph=mib.Graph(2, 2, 8, parallel=parallel, pos=pos), memory=memory)
    constants, direction = mean_outputs(task), torch.randn(8, dtype=torch.float64)
    slope = _slope(task, constants, task.everything.examples) @ direction
    ahead, behind = (metric_when_replaced(task, constants + step * direction) for step in (1e-6, -1e-6))
    torch.testing.assert_close(slope, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-6)


def test_scores_are_exact_cuts_with_the_learned_constants() -> None:
    task = make_task()
    constants = optimal_constants(task, steps=10)
    for name, method in (("optimal-ablation", "exact"), ("eap-optimal", "eap")):
        expected = get(method)(make_task(ablation="optimal", constants=constants))
        found = get(name)(make_task(), steps=10)
        np.testing.assert_allclose(found.flat, expected.flat, atol=1e-12)  # type: ignore[union-attr]
    assert top(get("optimal-ablation")(chain_task(), steps=20)) == set(CHAIN)


def test_what_is_run_is_counted_in_the_task_s_own_cost() -> None:
    task = make_task()
    other = with_constants(task, mean_outputs(task))
    before = task.engine.cost.forward
    other.engine.logits()
    assert task.engine.cost.forward == before + 2 * len(task)
