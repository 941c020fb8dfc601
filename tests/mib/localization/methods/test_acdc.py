"""ACDC: the greedy sweep, as its definition says, for every threshold at once."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mib
from mib.errors import MethodError
from mib.localization import get
from mib.localization.methods.acdc import sweeps
from tests.mib.localization.handmade import CHAIN, chain_task
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import random_model


def kl(task: mib.LocalizationTask, kept: torch.Tensor) -> float:
    """KL of a circuit from the model, over the positions of the metric's mask."""
    pairs, mask = task.everything, task.metric.mask  # type: ignore[union-attr]
    model = F.log_softmax(task.engine.logits(pairs.clean), -1)
    circuit = F.log_softmax(task.engine.run(kept[None], pairs.clean, pairs.counterfactual), -1)
    divergence = (model.exp() * (model - circuit)).sum(-1)
    return float(((divergence * mask).sum(1) / mask.sum(1)).mean())


def greedy(task: mib.LocalizationTask, tau: float) -> torch.Tensor:
    """One sweep, an edge and a run at a time."""
    kept = torch.from_numpy(task.graph.edge_mask.copy())
    empty = kl(task, torch.zeros_like(kept))
    for name in reversed(task.graph.destinations):
        column = task.graph.destination_index[name]
        for row in reversed(range(int(task.graph.n_readable[column]))):
            without = kept.clone()
            without[row, column] = False
            if (kl(task, without) - kl(task, kept)) / empty < tau:
                kept = without
    return kept


@pytest.mark.parametrize("changes", [{}, {"ablation": "zero"}, {"model": random_model(n_layers=1)}])
def test_every_sweep_is_the_greedy_algorithm(changes: Any) -> None:
    taus = [1e-3, 3e-2, 0.3]
    task = make_task(**changes)
    kept = sweeps(task, torch.tensor(taus, dtype=torch.float64), examples=99, objective="kl")
    for tau, found in zip(taus, kept, strict=True):
        assert torch.equal(found, greedy(task, tau)), tau
    assert len({int(found.sum()) for found in kept}) > 1
    scores = get("acdc")(task, thresholds=taus, examples=99)
    lowest = np.select([~found.numpy() for found in kept], taus, 2 * taus[-1])
    np.testing.assert_array_equal(scores.flat, lowest[task.graph.edge_mask])  # type: ignore[union-attr]


@pytest.mark.parametrize("objective", ["kl", "task"])
@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_a_known_chain_is_all_that_is_kept(objective: str, ablation: str) -> None:
    scores = get("acdc")(chain_task(ablation=ablation), objective=objective).as_dict()  # type: ignore[union-attr]
    least = min(scores[edge] for edge in CHAIN)
    assert all(value < least for edge, value in scores.items() if edge not in CHAIN)


def test_bad_thresholds_are_refused() -> None:
    with pytest.raises(MethodError, match=r"acdc: thresholds=\(0.1, 0\). Expected at least one value, each a nu"):
        get("acdc")(make_task(), thresholds=(0.1, 0))
    with pytest.raises(MethodError, match="acdc: examples=0. Expected an integer from 1 on"):
        get("acdc")(make_task(), examples=0)
