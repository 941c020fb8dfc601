"""The engine runs circuits as the definition of a circuit says."""

from typing import Any

import pytest
import torch

from mib.engine import ABLATIONS, Engine
from mib.errors import TaskError
from mib.graph import Graph
from tests.mib.small_models import SmallModel, random_model

N = 5


@pytest.fixture(scope="module")
def model() -> SmallModel:
    return random_model()


@pytest.fixture(scope="module")
def pool() -> torch.Tensor:
    return torch.randint(7, (2 * N, 6), generator=torch.Generator().manual_seed(1))


def circuits(graph: Graph, rows: int, seed: int = 2) -> torch.Tensor:
    shape = (rows, len(graph.sources), len(graph.destinations))
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.5


def by_definition(model: Any, graph: Graph, kept: torch.Tensor, tokens: torch.Tensor, other: Any) -> torch.Tensor:
    """A circuit run on one input, an edge at a time: slow, and sharing no code with the engine."""
    position = model.pos_embed.W_pos[: len(tokens)]
    written = {"input": model.embed.W_E[tokens], "pos": position}

    def read(destination: str) -> torch.Tensor:
        column = graph.destination_index[destination]
        total = torch.zeros_like(position) if graph.pos else position.clone()
        for row, source in enumerate(graph.sources[: graph.n_readable[column]]):
            total = total + (written[source] if kept[row, column] else other(row, source))
        layer = graph.locate(destination).layer
        biases = model.blocks[: layer + (graph.locate(destination).kind == "mlp")]
        return total + sum((block.attn.b_O for block in biases), torch.zeros_like(total))

    for layer, block in enumerate(model.blocks):
        attn, mlp = block.attn, block.mlp
        for head in range(graph.n_heads):
            q, k, v = (
                read(f"a{layer}.h{head}<{x.lower()}>") @ getattr(attn, f"W_{x}")[head] + getattr(attn, f"b_{x}")[head]
                for x in "QKV"
            )
            pattern = (q @ k.T / model.cfg.attn_scale).softmax(-1)
            written[f"a{layer}.h{head}"] = pattern @ v @ attn.W_O[head]
        hidden = torch.relu(read(f"m{layer}") @ mlp.W_in + mlp.b_in)
        written[f"m{layer}"] = hidden @ mlp.W_out + mlp.b_out
    return read("logits") @ model.unembed.W_U + model.unembed.b_U


@pytest.mark.parametrize("pos", [False, True])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_a_run_is_its_definition(model: SmallModel, pool: torch.Tensor, ablation: Any, pos: bool) -> None:
    graph = Graph(2, 2, 8, pos=pos)
    constants = torch.randn(len(graph.sources), 8, dtype=torch.float64) if ablation == "optimal" else None
    engine = Engine(model, pool, graph=graph, ablation=ablation, constants=constants)
    outputs = engine.outputs(torch.arange(2 * N))
    kept = circuits(graph, N)
    logits = engine.run(kept, torch.arange(N), torch.arange(N) + N)
    for row in range(N):

        def other(source: int, _: str, row: int = row) -> torch.Tensor:
            match ablation:
                case "resample":
                    return outputs[row + N, source]
                case "mean":
                    return outputs[:, source].mean((0, 1)).expand(6, 8)
                case "mean-positional":
                    return outputs[:, source].mean(0)
                case "optimal" if constants is not None:
                    return constants[source].expand(6, 8)
                case _:
                    return torch.zeros(6, 8, dtype=torch.float64)

        expected = by_definition(model, graph, kept[row], pool[row], other)
        torch.testing.assert_close(logits[row], expected)


@pytest.mark.parametrize("pos", [False, True])
def test_all_kept_is_the_model_and_all_cut_is_the_counterfactual(
    model: SmallModel, pool: torch.Tensor, pos: bool
) -> None:
    engine = Engine(model, pool, graph=Graph(2, 2, 8, pos=pos))
    clean, other = torch.arange(N), torch.arange(N) + N
    every = torch.ones(1, len(engine.graph.sources), len(engine.graph.destinations), dtype=torch.bool)
    torch.testing.assert_close(engine.logits(clean), model(pool[clean]))
    torch.testing.assert_close(engine.run(every, clean, other), model(pool[clean]))
    torch.testing.assert_close(engine.run(~every, clean, other), model(pool[other]))


def test_neurons_cut_from_a_source_are_cut_for_all_its_readers(model: SmallModel, pool: torch.Tensor) -> None:
    engine = Engine(model, pool)
    clean, other = torch.arange(N), torch.arange(N) + N
    graph = engine.graph
    every = torch.ones(N, len(graph.sources), len(graph.destinations), dtype=torch.bool)
    nodes = torch.rand(N, len(graph.sources), generator=torch.Generator().manual_seed(3)) < 0.5
    by_edges = engine.run(every & nodes[:, :, None], clean, other)
    by_neurons = engine.run(every, clean, other, neurons=nodes[:, :, None].expand(-1, -1, 8))
    torch.testing.assert_close(by_edges, by_neurons)


@pytest.mark.parametrize("ablation", ["resample", "mean-positional"])
def test_memory_and_batching_change_no_number(model: SmallModel, pool: torch.Tensor, ablation: Any) -> None:
    rows = 3 * N
    clean, other = torch.arange(rows) % N, torch.arange(rows) % N + N
    roomy = Engine(model, pool, ablation=ablation)
    tight = Engine(model, pool, ablation=ablation, memory=1)
    kept = circuits(roomy.graph, rows)
    kept[: rows // 2, :, :9] = True  # some rows start in a later layer
    together = roomy.run(kept, clean, other)
    torch.testing.assert_close(tight.run(kept, clean, other), together)
    torch.testing.assert_close(tight.logits(), roomy.logits())
    for row in range(rows):
        alone = roomy.run(kept[row : row + 1], clean[row : row + 1], other[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


def test_soft_runs_agree_with_hard_ones_and_have_the_right_gradient(model: SmallModel, pool: torch.Tensor) -> None:
    engine = Engine(model, pool)
    clean, other = torch.arange(2), torch.arange(2) + N
    hard = circuits(engine.graph, 1)
    torch.testing.assert_close(engine.run_soft(hard.double(), clean, other), engine.run(hard, clean, other))
    soft = torch.rand(1, *hard.shape[1:], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda kept: engine.run_soft(kept, clean, other).sum((0, 1)), soft)


def test_a_run_that_cuts_late_costs_less(model: SmallModel, pool: torch.Tensor) -> None:
    engine = Engine(model, pool)
    engine.outputs(torch.arange(2 * N))
    kept = torch.ones(1, len(engine.graph.sources), len(engine.graph.destinations), dtype=torch.bool)
    costs: list[float] = []
    for destination in ("a0.h0<q>", "m1", "logits"):
        before, cut = engine.cost.forward, kept.clone()
        cut[0, 0, engine.graph.destination_index[destination]] = False
        engine.run(cut, torch.arange(N), torch.arange(N) + N)
        costs.append(engine.cost.forward - before)
    assert costs == [N, pytest.approx(N * 2 / 5), pytest.approx(N / 5)]


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("pos", [False, True])
def test_single_cuts_are_runs_with_one_edge_cut(pool: torch.Tensor, ablation: Any, parallel: bool, pos: bool) -> None:
    model = random_model(parallel=parallel, causal=parallel)
    graph = Graph(2, 2, 8, parallel=parallel, pos=pos)
    constants = torch.randn(len(graph.sources), 8) if ablation == "optimal" else None
    engine = Engine(model, pool, graph=graph, ablation=ablation, constants=constants)
    clean, other = torch.arange(N), torch.arange(N) + N
    fast = engine.run_single_cuts(graph.edges, clean, other)
    kept = torch.ones(len(graph.edges), len(graph.sources), len(graph.destinations), dtype=torch.bool)
    for number, edge in enumerate(graph.edges):
        kept[number][graph.index(edge)] = False
    slow = engine.run(kept.repeat_interleave(N, 0), clean.repeat(len(kept)), other.repeat(len(kept)))
    torch.testing.assert_close(fast, slow.unflatten(0, (-1, N)))


def test_single_cuts_measured_in_any_memory(model: SmallModel, pool: torch.Tensor) -> None:
    clean, other = torch.arange(N), torch.arange(N) + N

    def metric(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[:, -1, 0] - logits[:, -1, 1] + examples

    engine, tight = Engine(model, pool), Engine(model, pool, memory=1)
    uncut, cut = engine.measure_single_cuts(metric, clean, other)
    torch.testing.assert_close(uncut, metric(model(pool[clean]), clean))
    logits = engine.run_single_cuts(["a0.h1->logits"], clean, other)[0]
    torch.testing.assert_close(cut[:, 2, -1], metric(logits, clean))
    for together, apart in zip((uncut, cut), tight.measure_single_cuts(metric, clean, other), strict=True):
        torch.testing.assert_close(together, apart, equal_nan=True)
    assert torch.equal(cut[0].isnan(), ~torch.from_numpy(engine.graph.edge_mask.copy()))


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("pos", [False, True])
def test_node_cuts_are_runs_without_the_node_s_edges(
    pool: torch.Tensor, ablation: Any, parallel: bool, pos: bool
) -> None:
    graph = Graph(2, 2, 8, parallel=parallel, pos=pos)
    constants = torch.randn(len(graph.sources), 8) if ablation == "optimal" else None
    engine = Engine(random_model(parallel=parallel), pool, graph=graph, ablation=ablation, constants=constants)
    clean, other = torch.arange(N), torch.arange(N) + N

    def metric(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[..., 0].square().sum(1) + examples

    _, cut = engine.measure_node_cuts(metric, clean, other)
    for node in range(len(graph.sources)):
        kept = torch.ones(1, len(graph.sources), len(graph.destinations), dtype=torch.bool)
        kept[:, node] = False
        torch.testing.assert_close(cut[:, node], engine.measure(metric, kept, clean, other))


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_neuron_cuts_are_runs_without_that_dimension(pool: torch.Tensor, ablation: Any, parallel: bool) -> None:
    graph = Graph(2, 2, 8, parallel=parallel, pos=True)
    constants = torch.randn(len(graph.sources), 8, dtype=torch.float64) if ablation == "optimal" else None
    small = random_model(parallel=parallel)
    engine = Engine(small, pool, graph=graph, ablation=ablation, constants=constants)
    clean, other = torch.arange(N), torch.arange(N) + N

    def metric(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[..., 0].square().sum(1) + examples

    uncut, cut = engine.measure_neuron_cuts(metric, clean, other)
    every_edge = torch.ones(1, len(graph.sources), len(graph.destinations), dtype=torch.bool)
    torch.testing.assert_close(uncut, engine.measure(metric, every_edge, clean, other))
    n_neurons = len(graph.sources) * graph.d_model
    one_less = ~torch.eye(n_neurons, dtype=torch.bool).unflatten(1, (len(graph.sources), graph.d_model))
    expected = engine.measure(
        metric,
        every_edge,
        clean.repeat(n_neurons),
        other.repeat(n_neurons),
        neurons=one_less.repeat_interleave(N, dim=0),
    )
    torch.testing.assert_close(cut.flatten(1).T, expected.unflatten(0, (n_neurons, N)))


def test_padding_on_either_side_changes_nothing(model: SmallModel) -> None:
    """A padded, masked input gives the real positions the numbers of the input without padding."""
    short = torch.randint(7, (2 * N, 4), generator=torch.Generator().manual_seed(5))
    causal = random_model(causal=True)
    alone = Engine(causal, short)
    clean, other, kept = torch.arange(N), torch.arange(N) + N, circuits(alone.graph, N)
    junk = torch.full((2 * N, 2), 3)
    for left in (False, True):
        padded = torch.cat((junk, short) if left else (short, junk), dim=1)
        mask = torch.ones_like(padded, dtype=torch.bool)
        real = slice(2, 6) if left else slice(0, 4)
        mask[:, :2] &= not left
        mask[:, 4:] &= left
        engine = Engine(causal, padded, attention_mask=mask)
        torch.testing.assert_close(engine.run(kept, clean, other)[:, real], alone.run(kept, clean, other))
        cuts = engine.run_single_cuts(alone.graph.edges, clean, other)[:, :, real]
        torch.testing.assert_close(cuts, alone.run_single_cuts(alone.graph.edges, clean, other))
        mean, mean_alone = (
            Engine(causal, *a, ablation="mean", attention_mask=m) for a, m in (((padded,), mask), ((short,), None))
        )
        torch.testing.assert_close(mean.run(kept, clean)[:, real], mean_alone.run(kept, clean))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ablation": "resmple"}, r"unknown ablation 'resmple'. Did you mean: resample\?"),
        ({"inputs": torch.tensor([[7]])}, "token ids from 7 to 7; the model's vocabulary is 0 to 6"),
        ({"inputs": torch.zeros(1, 9, dtype=torch.long)}, "9 positions; the model has at most 6"),
        ({"inputs": torch.zeros(1, 3)}, "inputs has dtype torch.float32; expected token ids"),
        ({"graph": Graph(3, 2, 8)}, "does not fit the model"),
        ({"constants": torch.zeros(2)}, r"constants have shape \(2,\); expected \(7, 8\)"),
        ({"attention_mask": torch.ones(1, dtype=torch.bool)}, "attention_mask has shape"),
    ],
)
def test_what_does_not_fit_is_refused(model: SmallModel, pool: torch.Tensor, change: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Engine(model, **{"inputs": pool, **change})


def test_rows_that_do_not_fit_are_refused(model: SmallModel, pool: torch.Tensor) -> None:
    engine = Engine(model, pool)
    kept, clean = circuits(engine.graph, 3), torch.arange(3)
    with pytest.raises(TaskError, match=r"kept has shape \(3, 7, 15\); expected \(2, 7, 15\) or \(1, 7, 15\)"):
        engine.run(kept, clean[:2], clean[:2])
    with pytest.raises(TaskError, match="clean names input 10; the pool has inputs 0 to 9"):
        engine.run(kept, clean + 8, clean)
    with pytest.raises(TaskError, match="counterfactual=None, but the ablation is 'resample'"):
        engine.run(kept, clean)
