"""Facts that hold for every method, whatever the model."""

from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.engine import ABLATIONS
from mib.localization import get, names
from mib.metrics import LogitDifference, NegativeSquaredDistance
from mib.metrics.circuit_selection import circuits_of_nodes
from tests.mib.small_models import random_model

N = 4


def make_task(**changes: Any) -> mib.LocalizationTask:
    generator = torch.Generator().manual_seed(0)
    clean, counterfactual = torch.randint(7, (2, N, 6), generator=generator).unbind()
    correct, incorrect = torch.zeros(2, N, 6, dtype=torch.long).unbind()
    metric = LogitDifference(correct, incorrect + 1, torch.rand(N, 6, generator=generator) < 0.8)
    arguments = {"model": random_model(), "clean": clean, "counterfactual": counterfactual, "metric": metric}
    arguments |= {"constants": torch.zeros(7, 8)} if changes.get("ablation") == "optimal" else {}
    return mib.LocalizationTask(**{**arguments, **changes})


SEARCHES = {"acdc", "bootstrap-ilp", "cpr-gaming", "eap-optimal", "optimal-ablation", "ugs"} | {
    n for n in names() if "ensemble" in n
}
"""Methods that run a hundred circuits or steps. How an ablation is run is the engine's, which the others use under all
five: these are run under one that takes another input's outputs, and one of constants."""

CELLS = [
    (name, level, ablation)
    for name in names()
    for level in get(name).levels
    for ablation in get(name).ablations
    if name not in SEARCHES or ablation in ("resample", "mean-positional")
]


NO_EFFECT = {"cpr-gaming", "eap-mean", "eap-optimal", "hisp", "optimal-ablation", "random", "weight-norm"}
"""Methods that score edges although cutting them changes nothing: ranks, fixed nodes, other constants, weights."""

REFUSES = {"acdc", "edge-pruning", "ensemble-hybrid", "ensemble-sequential", "subnetwork-probing", "ugs"}
"""Methods that learn masks, and say that there is nothing to find where no edge has an effect."""

QUICK = {"steps": 2, "rounds": 1, "proposals": 2, "sizes": 4, "share": 0.5, "resamples": 3, "thresholds": (0.01, 0.3)}
"""Parameters that make long methods short."""


def values(name: str, task: mib.LocalizationTask) -> np.ndarray[Any, Any]:
    method = get(name)
    scores = method(task, **{name: value for name, value in QUICK.items() if name in method.parameters})
    return scores.flat if isinstance(scores, mib.EdgeScores) else scores.values


@pytest.mark.parametrize(("name", "level", "ablation"), CELLS)
def test_batching_changes_no_score_and_the_model_is_left_alone(name: str, level: Any, ablation: Any) -> None:
    task = make_task(level=level, ablation=ablation)
    assert isinstance(task.model, torch.nn.Module)
    before = {key: value.clone() for key, value in task.model.state_dict().items()}
    together = values(name, task)
    np.testing.assert_allclose(values(name, make_task(level=level, ablation=ablation, memory=1)), together, atol=1e-9)
    np.testing.assert_array_equal(values(name, task), together)
    assert all(torch.equal(value, before[key]) for key, value in task.model.state_dict().items())
    assert not any(module._forward_hooks for module in task.model.modules())


@pytest.mark.parametrize("name", [n for n in names() if "edge" in get(n).levels and n not in NO_EFFECT | REFUSES])
@pytest.mark.parametrize("pos", [False, True])
def test_an_edge_that_carries_the_same_on_both_inputs_scores_zero(name: str, pos: bool) -> None:
    task = make_task(graph=mib.Graph(2, 2, 8, pos=pos))
    task = make_task(graph=task.graph, counterfactual=task.clean)
    scores = get(name)(task)
    assert isinstance(scores, mib.EdgeScores)
    if name == "ifr":
        assert (scores.flat >= 0).all()
        np.testing.assert_array_less(np.nansum(scores.values, axis=0), 1 + 1e-9)
    else:
        np.testing.assert_array_equal(np.abs(scores.flat), np.zeros(len(task.graph.edges)))


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_gradients_are_those_of_the_exact_cut(ablation: Any) -> None:
    """EAP is the derivative of the metric as an edge is cut a little (finite differences of ``run_soft``)."""
    task = make_task(ablation=ablation)
    pairs, graph = task.everything, task.graph
    kept = torch.ones(1, len(graph.sources), len(graph.destinations), dtype=torch.float64, requires_grad=True)
    logits = task.engine.run_soft(kept, pairs.clean, pairs.counterfactual)
    (slope,) = torch.autograd.grad(task.metric(logits, pairs.examples).mean(), kept)
    np.testing.assert_allclose(values("eap", task), slope[0].numpy()[graph.edge_mask], atol=1e-10)


def test_nap_is_the_sum_of_eap_over_a_node_s_readers() -> None:
    edges = get("eap")(make_task())
    nodes = get("nap")(make_task(level="node"))
    neurons = get("nap")(make_task(level="neuron"))
    np.testing.assert_allclose(np.nansum(edges.values, axis=1), nodes.values, atol=1e-10)
    np.testing.assert_allclose(neurons.values.sum(1), nodes.values, atol=1e-10)


@pytest.mark.parametrize("absolute", [True, False])
def test_circuits_of_nap_s_edges_are_those_of_its_nodes(absolute: bool) -> None:
    nodes, edges = get("nap")(make_task(level="node")).values, get("nap")(make_task()).values
    graph = make_task().graph
    sizes, among = (np.abs(nodes), np.abs(edges)) if absolute else (nodes, edges)
    assert (nodes < 0).any() and (nodes > 0).any()
    for least in sizes[sizes > 0]:
        (chosen,) = circuits_of_nodes(graph, (sizes >= least)[None]).kept
        np.testing.assert_array_equal(chosen, graph.edge_mask & (np.nan_to_num(among, nan=-1) >= least))


def test_eap_mean_is_eap_as_if_cut_edges_carried_means() -> None:
    expected = values("eap", make_task(ablation="mean"))
    for ablation in ("resample", "zero", "mean"):
        np.testing.assert_allclose(values("eap-mean", make_task(ablation=ablation)), expected, atol=1e-12)


def test_neurons_of_a_linear_model_add_up_to_their_node() -> None:
    """Where the metric is linear in the last MLP's output, its neurons' effects add up to the node's."""
    nodes, neurons = get("exact-node")(make_task(level="node")), get("exact-neuron")(make_task(level="neuron"))
    assert isinstance(nodes, mib.NodeScores) and isinstance(neurons, mib.NeuronScores)
    last = nodes.graph.source_index["m1"]
    assert nodes["m1"] == pytest.approx(neurons.values[last].sum(), abs=1e-10)
    assert np.count_nonzero(neurons.values[last]) == 8


def test_parallel_blocks_and_positions_as_sources() -> None:
    """On every kind of graph IG over activations agrees with its plain definition: no shared clean backward pass."""
    for parallel in (False, True):
        for pos in (False, True):
            model = random_model(parallel=parallel)
            task = make_task(model=model, graph=mib.Graph(2, 2, 8, parallel=parallel, pos=pos))
            expected = _ig_activations_by_definition(task, steps=3)
            got = get("eap-ig-activations")(task, steps=3)
            np.testing.assert_allclose(got.values[task.graph.edge_mask], expected[task.graph.edge_mask], atol=1e-10)


def _ig_activations_by_definition(task: mib.LocalizationTask, steps: int) -> np.ndarray[Any, Any]:
    engine, graph, pairs = task.engine, task.graph, task.everything
    difference = engine.differences(pairs.clean, pairs.counterfactual)
    groups = [[0]] + [list(range(*engine.columns.writers(s).indices(99))) for s in range(2 * graph.n_layers)]
    total = torch.zeros(len(graph.sources), len(graph.destinations), dtype=torch.float64)
    for group in groups:
        for k in range(1, steps + 1):
            outputs = engine.outputs(pairs.clean).clone()
            outputs[:, group] += (1 - k / steps) * difference[:, group]
            reads: list[torch.Tensor] = []
            written = outputs[:, : 1 + graph.pos]
            for step in range(2 * graph.n_layers + 1):
                width = engine.columns.of(step).stop - engine.columns.of(step).start
                constant = torch.zeros(1, 6, 8, dtype=torch.float64) if graph.pos else engine.position(pairs.clean)
                biases = step // 2 + (step % 2) * (not graph.parallel)
                constant = constant + sum(block.attention.b_O for block in engine.anatomy.blocks[:biases])  # type: ignore[misc]
                stream = written[:, : engine.columns.readable(step)].sum(1) + constant
                read = (stream[:, None].expand(-1, width, -1, -1)).requires_grad_()
                reads.append(read)
                if step == 2 * graph.n_layers:
                    break
                block, context = engine.anatomy.blocks[step // 2], engine.anatomy.context(task.clean)
                if step % 2:
                    new = block.mlp(read[:, 0])[:, None]
                else:
                    q, k_, v = read.chunk(3, dim=1)
                    a = block.attention
                    new = a.write(a.mix(a.queries(q, context), a.keys(k_, context), a.values(v), context))
                rows = engine.columns.writers(step)
                written = torch.cat((written, outputs[:, rows] if rows.start in group else new), dim=1)
            loss = task.metric(engine.anatomy.unembed(reads[-1][:, 0]), pairs.examples).sum()
            gradients = torch.autograd.grad(loss, reads, allow_unused=True, materialize_grads=True)
            total -= torch.einsum("espd,etpd->st", difference, torch.cat(gradients, dim=1))
    return (total / (N * steps * len(groups))).numpy()


def test_a_numerical_output_can_be_localized() -> None:
    model = random_model(n_outputs=1)
    target = torch.zeros(N, 6)
    metric = NegativeSquaredDistance(target, torch.ones(N, 6, dtype=torch.bool))
    task = make_task(model=model, metric=metric)
    assert np.isfinite(values("exact", task)).all()


@pytest.mark.parametrize("name", ["eap", "eap-ig-activations", "exact", "ifr"])
@pytest.mark.parametrize(("dtype", "agreement"), [(torch.float16, 0.9999), (torch.bfloat16, 0.98)])
def test_half_precision_scores_like_double(name: str, dtype: torch.dtype, agreement: float) -> None:
    half = make_task(model=random_model().to(dtype))
    full = make_task(model=random_model().to(dtype).double())
    assert half.engine.outputs(half.everything.clean).dtype == dtype
    assert np.corrcoef(values(name, half), values(name, full))[0, 1] > agreement


@pytest.mark.parametrize("padding", ["left", "right"])
def test_padding_changes_no_score(padding: str) -> None:
    """Masked padding on either side, with other tokens in it, scores as the unpadded inputs do."""
    model = random_model(causal=True)
    alone = make_task(model=model)
    clean, counterfactual = alone.clean[:, :4], alone.counterfactual[:, :4]
    short = _logit_difference(clean, slice(0, 4))
    expected = make_task(model=model, clean=clean, counterfactual=counterfactual, metric=short)
    junk = torch.full((N, 2), 5)

    def pad(tokens: torch.Tensor, filler: torch.Tensor) -> torch.Tensor:
        return torch.cat((filler, tokens) if padding == "left" else (tokens, filler), dim=1)

    real = pad(torch.ones(N, 4, dtype=torch.bool), torch.zeros(N, 2, dtype=torch.bool))
    padded = make_task(
        model=model,
        clean=pad(clean, junk),
        counterfactual=pad(counterfactual, junk - 1),
        metric=_logit_difference(pad(clean, junk), slice(2, 6) if padding == "left" else slice(0, 4)),
        attention_mask=real,
    )
    for name in ("eap", "eap-ig-inputs", "eap-ig-activations", "clean-corrupted", "exact", "ifr"):
        np.testing.assert_allclose(values(name, padded), values(name, expected), atol=1e-8)


def _logit_difference(tokens: torch.Tensor, where: slice) -> LogitDifference:
    mask = torch.zeros(tokens.shape, dtype=torch.bool)
    mask[:, where] = True
    return LogitDifference(torch.zeros_like(tokens), torch.ones_like(tokens), mask)
