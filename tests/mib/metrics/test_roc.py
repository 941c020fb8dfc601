import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph
from mib.metrics.circuit_selection import select
from mib.metrics.roc import AtTrueSize, at_true_size, edge_auroc, edge_average_precision, exact_recovery, mib_auroc

GRAPH = Graph(n_layers=1, n_heads=1, d_model=2)
EDGES = [str(edge) for edge in GRAPH.edges]
N = len(EDGES)
cases = st.tuples(
    st.lists(st.integers(-3, 3), min_size=N, max_size=N),
    st.lists(st.booleans(), min_size=N, max_size=N).filter(lambda truth: 0 < sum(truth) < N),
)


def scores(*values: float) -> EdgeScores:
    return EdgeScores(GRAPH, [*values, *[0.0] * (N - len(values))])


def truth(*true: int) -> np.ndarray:
    return np.isin(np.arange(N), true)


@settings(deadline=None)
@given(case=cases)
def test_auroc_is_the_chance_that_a_true_edge_beats_another(case) -> None:
    values, true = np.array(case[0]), np.array(case[1])
    strength = np.abs(values)
    pairs = np.sign(strength[true][:, None] - strength[~true][None, :])
    assert edge_auroc(EdgeScores(GRAPH, values), true) == pytest.approx((pairs.mean() + 1) / 2)


@settings(deadline=None)
@given(case=cases, seed=st.integers(0, 1000))
def test_no_score_depends_on_which_of_two_equal_edges_comes_first(case, seed: int) -> None:
    values, true = np.array(case[0], dtype=float), np.array(case[1])
    order = np.random.default_rng(seed).permutation(N)
    one, other = EdgeScores(GRAPH, values), EdgeScores(GRAPH, values[order])
    for judge in (edge_auroc, edge_average_precision, exact_recovery):
        assert judge(one, true) == pytest.approx(judge(other, true[order]))
    first, second = at_true_size(one, true), at_true_size(other, true[order])
    assert (first.precision, first.recall, first.f1) == pytest.approx((second.precision, second.recall, second.f1))


@settings(deadline=None)
@given(case=cases)
def test_scores_do_not_depend_on_scale_and_absolute_ones_not_on_sign(case) -> None:
    values, true = np.array(case[0], dtype=float), np.array(case[1])
    flipped = EdgeScores(GRAPH, -7.5 * values)
    for judge in (edge_auroc, edge_average_precision, at_true_size, exact_recovery, mib_auroc):
        assert judge(flipped, true) == judge(EdgeScores(GRAPH, values), true)


@pytest.mark.parametrize("n_values", [2, 5, 40, 10_000])
def test_they_are_scikit_learn_s_to_the_bit(n_values: int) -> None:
    graph = Graph(n_layers=3, n_heads=3, d_model=2)
    n, generator = len(graph.edges), np.random.default_rng(n_values)
    for share in (0.03, 0.3, 0.8):
        for _ in range(10):
            values, true = generator.integers(0, n_values, n) / 7, generator.random(n) < share
            true[:2] = True, False
            edges = EdgeScores(graph, values)
            assert edge_auroc(edges, true) == roc_auc_score(true, values)
            assert edge_average_precision(edges, true) == average_precision_score(true, values)


def test_no_information_is_one_half_and_the_share_of_true_edges() -> None:
    constant = EdgeScores(GRAPH, np.full(N, 0.3))
    assert edge_auroc(constant, truth(0, 5)) == 0.5
    assert edge_average_precision(constant, truth(0, 5)) == pytest.approx(2 / N)
    assert at_true_size(constant, truth(0, 5)).f1 == pytest.approx(2 / N)
    assert not exact_recovery(constant, truth(0, 5))


def test_average_precision_by_hand() -> None:
    # true edges are found second (precision 1/2) and fourth (2/4)
    assert edge_average_precision(scores(9, 8, 7, 6), truth(1, 3)) == pytest.approx(0.5)


def test_ranking_is_by_magnitude_unless_signed() -> None:
    assert edge_auroc(scores(-5), truth(0)) == 1
    assert edge_auroc(scores(-5), truth(0), ranking="signed") == 0
    assert exact_recovery(scores(-5, 1), truth(0)) and not exact_recovery(scores(-5, 1), truth(0), ranking="signed")


@pytest.mark.parametrize(
    ("values", "true", "expected"),
    [
        ((9, 8, 7), (0, 1, 2), AtTrueSize(1, 1, 1)),
        ((9, 8, 7), (0, 1, 3), AtTrueSize(2 / 3, 2 / 3, 2 / 3)),
        ((9,), (0, 1, 2), AtTrueSize(1, 1 / 3, 0.5)),  # zeros are not chosen: one of three, and right
        ((9, 5, 5), (0, 1), AtTrueSize(0.75, 0.75, 0.75)),  # edges 1 and 2 tie: each counts half
        ((), (0, 1), AtTrueSize(0, 0, 0)),
        ((1,), (1,), AtTrueSize(0, 0, 0)),
    ],
)
def test_best_edges_at_the_true_size(values, true, expected: AtTrueSize) -> None:
    got = at_true_size(scores(*values), truth(*true))
    assert (got.precision, got.recall, got.f1) == pytest.approx((expected.precision, expected.recall, expected.f1))


def test_exact_recovery_needs_a_gap_and_no_zero_on_a_true_edge() -> None:
    assert exact_recovery(scores(0.1, 0.2), truth(0, 1))
    assert not exact_recovery(scores(0.1, 0.2, 0.1), truth(0, 1))
    assert not exact_recovery(scores(0.2), truth(0, 1))
    assert exact_recovery(scores(), truth()) and not exact_recovery(scores(1), truth())
    everything = np.ones(N, dtype=bool)
    assert exact_recovery(EdgeScores(GRAPH, np.ones(N)), everything)
    assert not exact_recovery(scores(1), everything)


def test_edges_that_are_left_out_do_not_matter() -> None:
    out = truth(1, 2)
    for value in (0.0, 5.0, -20.0):
        judged = scores(3, value, value, 1)
        assert edge_auroc(judged, truth(0, 1), leave_out=out) == 1
        assert edge_average_precision(judged, truth(0, 1), leave_out=out) == 1
        assert at_true_size(judged, truth(0, 1), leave_out=out).f1 == 1
        assert exact_recovery(judged, truth(0, 1), leave_out=out)
    assert edge_auroc(scores(3, 5, 0, 1), truth(0, 2)) < 1


def test_truth_may_be_flat_or_a_matrix() -> None:
    rng = np.random.default_rng(0)
    values, matrix = rng.normal(size=N), rng.random(GRAPH.edge_mask.shape) < 0.5
    flat = matrix[GRAPH.edge_index]
    assert edge_auroc(EdgeScores(GRAPH, values), matrix) == edge_auroc(EdgeScores(GRAPH, values), flat)


def test_mib_auroc_by_hand() -> None:
    # edges: input -> q, k, v, m0, logits; a0.h0 -> m0, logits; m0 -> logits
    assert len(EDGES) == 8
    ranked = EdgeScores(GRAPH, dict(zip(EDGES, [1, 2, 3, 6, 5, 4, 7, 8], strict=True)))
    # sizes: 1 six times (ceil of 0.008 .. 0.4), 1 (0.8), 2 (1.6), 4, 8
    true = np.isin(EDGES, ["input->m0", "m0->logits"])
    # greedy: m0->logits (8, pruned alone), a0.h0->logits (7), then input->m0 (6), input->logits (5), ...
    # the circuits of sizes 1 and 2 are pruned to nothing; size 4 keeps m0->logits, input->m0, input->logits
    kept = select(ranked, [1, 2, 4, 8], selection="greedy").edge_counts.tolist()
    assert kept == [0, 0, 3, 8]
    # points (FPR, TPR): (0, 0) for sizes 1 and 2; (1/6, 1); (1, 1)
    assert mib_auroc(ranked, true) == pytest.approx(1 / 6 * 0.5 + 5 / 6 * 1)


def mib_auroc_step_by_step(values: EdgeScores, true: np.ndarray) -> float:
    points = []
    for fraction in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1):
        remaining, size = fraction * N, 0
        while remaining > 0:  # as the reference counts down
            remaining, size = remaining - 1, size + 1
        kept = select(values, [size], selection="greedy").kept[0][GRAPH.edge_index]
        points.append(((kept & ~true).sum() / (~true).sum(), (kept & true).sum() / true.sum()))
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:], strict=False))


@settings(deadline=None)
@given(case=cases)
def test_mib_auroc_is_the_reference_s_step_by_step(case) -> None:
    values, true = EdgeScores(GRAPH, case[0]), np.array(case[1])
    assert mib_auroc(values, true) == pytest.approx(mib_auroc_step_by_step(values, true))


def test_mib_auroc_counts_unscored_edges_as_predicted() -> None:
    values = dict.fromkeys(EDGES, 0.0) | {"input->logits": float("nan")}
    some = EdgeScores(GRAPH, values)
    assert mib_auroc(some, np.isin(EDGES, ["input->logits"])) == 1
    with pytest.raises(ScoreError, match="no finite score for 1 of 8 edges: 'input->logits'"):
        edge_auroc(some, truth(0))


@pytest.mark.parametrize("judge", [edge_auroc, edge_average_precision, mib_auroc])
def test_all_or_no_edges_true_is_an_error(judge) -> None:
    with pytest.raises(ScoreError, match="0 of 8 judged edges are true: ranking needs true and other edges"):
        judge(scores(1), truth())
    with pytest.raises(ScoreError, match="2 of 2 judged edges are true"):
        judge(scores(1), truth(0, 1), leave_out=~truth(0, 1))


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ScoreError, match=r"truth has shape \(3,\); expected \(3, 5\) .* or \(8,\)"):
        edge_auroc(scores(1), np.ones(3, dtype=bool))
    with pytest.raises(ScoreError, match="leave_out has dtype float64; expected bool"):
        edge_auroc(scores(1), truth(0), leave_out=np.zeros(N))
    with pytest.raises(ScoreError, match="there is no true size"):
        at_true_size(scores(1), truth())
