import numpy as np
import pytest
import torch

from mib.errors import ScoreError, TaskError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import LogitDifference
from mib.metrics.circuit_selection import MIB_FRACTIONS, Circuits, edge_order, every_size, mib_sizes, select
from mib.metrics.faithfulness import areas, mib_areas, mib_cmd, mib_cpr, mib_curve_of_circuits
from mib.metrics.measure_circuits import measure
from tests.mib.metrics.golden import MODELS, methods, numbers, scores_of, task_of
from tests.mib.small_models import random_model

N = 5


def small_task(**options) -> LocalizationTask:
    generator = torch.Generator().manual_seed(3)
    clean, counterfactual = torch.randint(7, (2, N, 6), generator=generator)
    correct = torch.randint(5, (N,), generator=generator)
    metric = LogitDifference.at_position(correct, (correct + 1) % 5, n_positions=6)
    given = {"model": random_model(), "clean": clean, "counterfactual": counterfactual, "metric": metric}
    return LocalizationTask(**{**given, **options})


@pytest.fixture(scope="module")
def task() -> LocalizationTask:
    return small_task()


@pytest.fixture(scope="module")
def scores(task: LocalizationTask) -> EdgeScores:
    return EdgeScores(task.graph, np.random.default_rng(0).normal(size=len(task.graph.edges)))


def one_by_one(task: LocalizationTask, circuits: Circuits) -> np.ndarray:
    """The metric of every circuit on every example, each run on its own."""
    values = np.empty((len(circuits), len(task)))
    for c, kept in enumerate(circuits.kept):
        for i in range(len(task)):
            index = torch.tensor([i])
            neurons = None if circuits.neurons is None else torch.from_numpy(circuits.neurons[c])[None]
            logits = task.engine.run(torch.from_numpy(kept)[None], index, index + len(task), neurons=neurons)
            values[c, i] = task.metric(logits, index)
    return values


# -- parity with the reference ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ranking", ["signed", "absolute"])
@pytest.mark.parametrize(("model", "method"), [(model, method) for model in MODELS for method in methods(model)])
def test_faithfulness_cpr_and_cmd_are_the_reference_s(model: str, method: str, ranking) -> None:
    golden, scores = numbers(model)["evaluation"][method], scores_of(model, method)
    expected, selection = golden[ranking], golden["selection"]
    curve = getattr(mib_areas(task_of(model), scores, selection=selection), ranking)
    strength = np.abs(scores.flat) if ranking == "absolute" else scores.flat
    strength = strength[edge_order(scores, ranking=ranking, selection=selection)]
    inner = [(i, n) for i, n in enumerate(curve.sizes) if 0 < n < len(strength)]
    tied = {i for i, n in inner if strength[n - 1] == strength[n]}  # the reference breaks these ties by chance
    for i, (ours, theirs) in enumerate(zip(curve.faithfulness, expected["faithfulnesses"], strict=True)):
        assert i in tied or ours == pytest.approx(theirs, abs=1e-5)
    if not tied:
        assert curve.area_under == pytest.approx(expected["area_under"], abs=1e-5)
        assert curve.area_from_1 == pytest.approx(expected["area_from_1"], abs=1e-5)
        assert list(curve.weighted_edge_counts) == expected["weighted_edge_counts"]
    assert len(tied) < 6 and (method == "information-flow-routes" or not tied)


def test_cpr_and_cmd_alone_are_those_of_both(task: LocalizationTask, scores: EdgeScores) -> None:
    both = mib_areas(task, scores)
    assert mib_cpr(task, scores) == both.signed and mib_cmd(task, scores) == both.absolute
    assert both.cpr == both.signed.area_under and both.cmd == both.absolute.area_from_1
    assert both.signed.fractions == MIB_FRACTIONS and both.signed.faithfulness[-1] == pytest.approx(1)


def test_nine_circuits_of_one_s_own_give_the_curve_of_their_scores() -> None:
    task, scores = task_of("gpt2-random"), scores_of("gpt2-random", "EAP")
    of_scores = mib_areas(task, scores).absolute
    nine = select(scores, mib_sizes(scores)[:-1], prune=False)
    curve = mib_curve_of_circuits(task, nine)
    assert curve.faithfulness == pytest.approx(of_scores.faithfulness, abs=1e-6)
    assert (curve.sizes, curve.fractions) == (of_scores.sizes, of_scores.fractions)
    assert curve.weighted_edge_counts == of_scores.weighted_edge_counts
    with pytest.raises(ScoreError, match="8 circuits were given; MIB's curve has 9, beside the whole model"):
        mib_curve_of_circuits(task, Circuits(nine.graph, nine.kept[:8]))
    with pytest.raises(ScoreError, match="a circuit has 131 of 262 edges; at most 0.1 % are allowed there"):
        mib_curve_of_circuits(task, Circuits(nine.graph, nine.kept[::-1]))


# -- measuring many circuits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_measuring_many_circuits_is_measuring_each(ablation, scores: EdgeScores) -> None:
    task = small_task(ablation=ablation)
    circuits = select(scores, [0, 3, 10, 20, 46, 20], prune=False)
    measurement = measure(task, circuits)
    assert np.allclose(measurement.circuits, one_by_one(task, circuits), atol=1e-10)
    assert np.array_equal(measurement.circuits[0], measurement.empty)
    assert np.array_equal(measurement.circuits[4], measurement.full)


def test_measuring_neuron_circuits_is_measuring_each(task: LocalizationTask) -> None:
    values = np.random.default_rng(1).normal(size=(len(task.graph.sources), task.graph.d_model))
    circuits = select(NeuronScores(task.graph, values), [0, 5, 30, 56])
    assert np.allclose(measure(task, circuits).circuits, one_by_one(task, circuits), atol=1e-10)


def test_little_memory_gives_the_same_numbers(task: LocalizationTask, scores: EdgeScores) -> None:
    circuits = select(scores, every_size(scores))
    tight = measure(small_task(memory=20_000), circuits)
    assert np.allclose(tight.circuits, measure(task, circuits).circuits, atol=1e-12)


def test_equal_empty_and_full_circuits_cost_no_rows(scores: EdgeScores) -> None:
    task = small_task()
    circuits = select(scores, [0, 10, 46, 10, 0, 46, 11], prune=False)
    measure(task, circuits)
    assert task.engine.cost.rows == 2 * N, "two distinct circuits are neither full nor empty"
    mib_areas(task, EdgeScores(task.graph, np.abs(scores.flat)))
    signed_is_absolute = len({n for n in mib_sizes(scores) if 0 < n < 46})
    assert task.engine.cost.rows <= (2 + signed_is_absolute) * N


def test_faithfulness_is_between_full_and_empty(task: LocalizationTask, scores: EdgeScores) -> None:
    measurement = measure(task, select(scores, [0, 20, 46], prune=False))
    empty, some, full = measurement.faithfulness()
    assert (empty, full) == (0, 1)
    expected = (one_by_one(task, select(scores, [20], prune=False)).mean() - measurement.empty.mean()) / (
        measurement.full.mean() - measurement.empty.mean()
    )
    assert some == pytest.approx(expected)


# -- every circuit size -----------------------------------------------------------------------------------------


def test_areas_go_over_every_size_and_are_divided_by_the_range(task: LocalizationTask, scores: EdgeScores) -> None:
    result = areas(task, scores)
    total = len(task.graph.edges)
    assert result.signed.sizes == tuple(range(total + 1))
    assert result.signed.fractions[0] == 0 and result.signed.fractions[-1] == 1
    for ranking, curve in (("signed", result.signed), ("absolute", result.absolute)):
        circuits = select(scores, range(total + 1), ranking=ranking)
        metric = one_by_one(task, circuits).mean(axis=1)
        f = (metric - metric[0]) / (metric[-1] - metric[0])
        assert np.allclose(curve.faithfulness, f, atol=1e-9)
        value = result.cpr.value if ranking == "signed" else result.cmd.value
        y = f if ranking == "signed" else np.abs(1 - f)
        assert value == pytest.approx((y.sum() - (y[0] + y[-1]) / 2) / total)


def test_a_limit_measures_some_of_the_sizes(task: LocalizationTask, scores: EdgeScores) -> None:
    few, every = areas(task, scores, max_sizes=12, n_bootstrap=0), areas(task, scores, n_bootstrap=0)
    assert few.signed.sizes == every_size(scores, limit=12) != every.signed.sizes
    at = [every.signed.faithfulness[size] for size in few.signed.sizes]
    assert few.signed.faithfulness == pytest.approx(at)
    assert areas(task, scores, max_sizes=47, n_bootstrap=0) == every


def test_interval_is_the_bootstrap_over_examples(task: LocalizationTask, scores: EdgeScores) -> None:
    result = areas(task, scores, max_sizes=8, n_bootstrap=200, confidence=0.8)
    measurement = measure(task, select(scores, result.signed.sizes, ranking="signed"))
    rng = np.random.default_rng(task.seed)
    drawn = []
    for counts in rng.multinomial(N, [1 / N] * N, size=200):
        who = np.repeat(np.arange(N), counts)
        empty, full = measurement.empty[who].mean(), measurement.full[who].mean()
        f = (measurement.circuits[:, who].mean(axis=1) - empty) / (full - empty)
        x = np.array(result.signed.fractions)
        drawn.append(((f[1:] + f[:-1]) / 2 * np.diff(x)).sum())
    assert (result.cpr.low, result.cpr.high) == pytest.approx(tuple(np.quantile(drawn, [0.1, 0.9])))
    assert areas(task, scores, max_sizes=8, n_bootstrap=200, confidence=0.8) == result


def test_no_sampling_error_no_interval(task: LocalizationTask, scores: EdgeScores) -> None:
    result = areas(task, scores, max_sizes=8, n_bootstrap=0)
    assert result.cpr.low == result.cpr.value == result.cpr.high
    same = small_task(
        clean=task.clean[:1].expand(N, -1),
        counterfactual=task.counterfactual[:1].expand(N, -1),
        metric=LogitDifference.at_position(torch.zeros(N).long(), torch.ones(N).long(), n_positions=6),
    )
    result = areas(same, scores, max_sizes=8, n_bootstrap=50)
    assert result.cmd.low == pytest.approx(result.cmd.value) == result.cmd.high


def test_node_and_neuron_scores_are_measured_at_their_own_sizes(task: LocalizationTask) -> None:
    nodes = NodeScores(task.graph, np.arange(7.0))
    assert areas(task, nodes, n_bootstrap=0).signed.sizes == tuple(range(8))
    neurons = NeuronScores(task.graph, np.random.default_rng(0).normal(size=(7, task.graph.d_model)))
    curve = mib_areas(task, neurons).absolute
    assert curve.sizes == tuple(int(p * 7 * task.graph.d_model) for p in MIB_FRACTIONS)
    assert curve.faithfulness[-1] == pytest.approx(1) and curve.weighted_edge_counts[-1] == len(task.graph.edges)


# -- errors -------------------------------------------------------------------------------------------------------


def test_nothing_to_recover_is_an_error(task: LocalizationTask, scores: EdgeScores) -> None:
    same = small_task(counterfactual=task.clean)
    with pytest.raises(TaskError, match="for the empty circuit: there is nothing to recover. Use pairs whose answers"):
        mib_cpr(same, scores)


def test_scores_of_another_graph_are_an_error(task: LocalizationTask) -> None:
    graph = Graph(1, 1, 8)
    with pytest.raises(TaskError, match="the circuits are of Graph"):
        mib_cpr(task, EdgeScores(graph, np.zeros(len(graph.edges))))


def test_bad_options_are_errors(task: LocalizationTask, scores: EdgeScores) -> None:
    with pytest.raises(ScoreError, match="n_bootstrap=-1, confidence=0.95: use a count of at least 0"):
        areas(task, scores, n_bootstrap=-1)
    with pytest.raises(ScoreError, match="no part of the graph has a score"):
        areas(task, EdgeScores(task.graph, {}))
