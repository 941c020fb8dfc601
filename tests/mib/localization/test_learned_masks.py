"""Hard-concrete numbers, and the gradient of masked runs."""

from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.errors import MethodError
from mib.localization import get
from mib.localization.learned_masks import HardConcrete, Parts, backward, mean_of_circuits
from mib.localization.methods.ugs import sample_weights
from mib.localization.objectives import Loss, positions_read
from mib.metrics import Accuracy, NegativeSquaredDistance
from tests.mib.localization.handmade import CHAIN, chain_task, top
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import random_model

LEARNED = ["subnetwork-probing", "ugs", "edge-pruning", "ensemble-sequential"]


def test_the_probability_of_being_open_is_that_of_samples() -> None:
    gate, generator = HardConcrete(), torch.Generator().manual_seed(0)
    log_alpha = torch.linspace(-3, 3, 7, dtype=torch.float64)
    drawn = gate.draw(log_alpha.expand(20_000, -1), generator)
    open_share, shut_share = (drawn > 0).double().mean(0), (drawn == 0).double().mean(0)
    torch.testing.assert_close(open_share, gate.probability_open(log_alpha), atol=0.015, rtol=0)
    assert ((drawn == 1).any(0) & (shut_share > 0)).all()


def test_log_alpha_is_the_inverse_of_the_value_without_noise() -> None:
    middle = torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    torch.testing.assert_close(HardConcrete().middle(HardConcrete().log_alpha(middle)), middle)


def test_uniform_sampling_keeps_a_part_with_its_probability_and_slopes_as_the_samples_in_its_window_do() -> None:
    generator = torch.Generator().manual_seed(0)
    alpha = torch.tensor([0.02, 0.3, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    u = torch.rand(50_000, 4, generator=generator, dtype=torch.float64)
    weights, slopes = sample_weights(alpha, u), torch.randn(50_000, 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(weights.detach().mean(0), alpha.detach(), atol=0.01, rtol=0)
    (weights * slopes).mean(0).sum().backward()
    window = (alpha * (1 - alpha)).detach()
    for part, own in enumerate(alpha.grad):
        near = (u[:, part] - alpha[part].detach()).abs() < window[part] * (0.5 - 1e-3)
        assert own == pytest.approx(slopes[near, part].mean().item())


def test_uniform_sampling_has_no_slope_where_no_sample_lies_in_the_window() -> None:
    alpha = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    weights = sample_weights(alpha, torch.tensor([[0.9, 0.9], [0.9, 0.4]], dtype=torch.float64))
    assert weights.detach().tolist() == [[0.0, 0.0], [0.0, pytest.approx(0.9)]]
    weights.mean(0).sum().backward()
    assert alpha.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("level", ["edge", "node"])
def test_weights_reach_the_edges_that_they_are_of(level: Any) -> None:
    graph = mib.Graph(2, 2, 8, pos=True)
    parts = Parts(graph, level)
    weights = torch.rand(3, len(parts))
    kept = parts.kept(weights)
    for number, edge in enumerate(graph.edges):
        row, column = graph.index(edge)
        assert torch.equal(kept[:, row, column], weights[:, number if level == "edge" else row])


@pytest.mark.parametrize("own", [False, True])
def test_the_gradient_is_that_of_the_mean_loss_in_any_memory(own: bool) -> None:
    examples = torch.tensor([2, 0, 3, 0])
    rows = len(examples) if own else 1
    found = []
    for memory in (2**31, 1):
        task = make_task(memory=memory)
        loss, parts = Loss.of(task, "kl", by="test"), Parts(task.graph, "edge")
        theta = torch.linspace(-1, 1, rows * len(parts), dtype=torch.float64).reshape(rows, -1).requires_grad_()
        value = backward(task, loss, parts, torch.sigmoid(theta), examples)
        found.append((value, theta.grad))
    logits = task.engine.run_soft(parts.kept(torch.sigmoid(theta)), examples, examples + len(task))
    expected = loss(logits, examples).mean()
    (slope,) = torch.autograd.grad(expected, theta)
    for value, gradient in found:
        assert value == pytest.approx(expected.item())
        torch.testing.assert_close(gradient, slope)


def test_equal_circuits_are_run_once() -> None:
    task = make_task()
    real = torch.from_numpy(task.graph.edge_mask.copy())
    kept = torch.stack((real, torch.zeros_like(real), real, torch.zeros_like(real)))
    task.engine.outputs(torch.arange(2 * len(task)))
    before = task.engine.cost.rows
    means = mean_of_circuits(task, task.metric, kept, torch.arange(len(task)))
    assert task.engine.cost.rows - before == 2 * len(task)
    full = task.metric(task.engine.logits(task.everything.clean), task.everything.examples).mean()
    torch.testing.assert_close(means[[0, 2]], full.expand(2))
    assert means[1] == means[3] != means[0]


@pytest.mark.parametrize("objective", ["kl", "task"])
@pytest.mark.parametrize("ablation", ["resample", "zero"])
def test_the_loss_is_0_for_the_model_and_1_for_the_empty_circuit(objective: Any, ablation: Any) -> None:
    task = make_task(ablation=ablation)
    loss = Loss.of(task, objective, by="test")
    real = torch.from_numpy(task.graph.edge_mask.copy())
    means = mean_of_circuits(task, loss, torch.stack((real, ~real)), torch.arange(len(task)))
    torch.testing.assert_close(means, torch.tensor([0.0, 1.0], dtype=torch.float64))


def test_the_loss_looks_where_the_metric_looks() -> None:
    task = make_task()
    mask = task.metric.mask  # type: ignore[union-attr]
    assert torch.equal(positions_read(task), mask)
    target = task.engine.logits(task.everything.clean)[..., 0]
    numerical = make_task(model=random_model(n_outputs=1), metric=NegativeSquaredDistance(target, mask))
    assert torch.equal(positions_read(numerical), mask)
    assert Loss.of(numerical, "kl", by="test").empty > 0
    assert positions_read(make_task(metric=Accuracy(task.clean, mask))).all()


@pytest.mark.parametrize(("name", "objective"), list(zip(LEARNED, ["kl", "task", "task", "kl"], strict=True)))
def test_masks_find_the_chain(name: str, objective: str) -> None:
    task = chain_task()
    assert top(get(name)(task, objective=objective)) == set(CHAIN)


def test_nodes_of_the_chain_are_found() -> None:
    for name in ("subnetwork-probing", "ugs"):
        scores = get(name)(chain_task(level="node"))
        assert isinstance(scores, mib.NodeScores)
        assert min(scores[node] for node in ("input", "m0", "m1")) > max(scores["a0.h0"], scores["a1.h0"]), name


@pytest.mark.parametrize("name", LEARNED)
def test_scores_follow_the_seed(name: str) -> None:
    first, again, other = (get(name)(make_task(seed=seed), steps=3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.flat, other.flat)  # type: ignore[union-attr]


def test_edge_pruning_reaches_its_target_sparsity() -> None:
    for sparsity in (0.3, 0.8):
        scores = get("edge-pruning")(make_task(), sparsity=sparsity, multiplier_rate=1.0)
        assert 1 - scores.flat.mean() == pytest.approx(sparsity, abs=0.1)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [*LEARNED, "acdc"])
def test_what_cannot_be_learned_is_refused_before_it_starts(name: str) -> None:
    task = make_task()
    with pytest.raises(MethodError, match=f"{name}: objective='KL'.* Expected one of kl, task"):
        get(name)(task, objective="KL")
    with pytest.raises(MethodError, match=f"{name}: the empty circuit has the output of the whole model"):
        get(name)(make_task(counterfactual=task.clean))
    with pytest.raises(MethodError, match=f"{name}: examples=0. Expected an integer from 1 on"):
        get(name)(task, examples=0)
    accuracy = Accuracy(task.clean, task.metric.mask)  # type: ignore[union-attr]
    if name != "acdc":
        with pytest.raises(MethodError, match=f"{name} needs the gradient of the metric; Accuracy has none"):
            get(name)(make_task(metric=accuracy), objective="task")
