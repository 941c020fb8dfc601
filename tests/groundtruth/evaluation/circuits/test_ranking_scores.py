"""What a row says of a ranking against one truth."""

import numpy as np
import pytest

from groundtruth.evaluation.circuits.ranking_scores import ranked, rounded, score_gap
from groundtruth.results.circuit_scores import RESOLUTION
from mib.graph import EdgeScores, Graph, NodeScores

GRAPH = Graph(n_layers=1, n_heads=1, d_model=4)


def _truth(*edges):
    mask = np.zeros(GRAPH.edge_mask.shape, dtype=np.bool_)
    for edge in edges:
        mask[GRAPH.index(edge)] = True
    return mask


def _scores(**kwargs):
    return EdgeScores(GRAPH, {str(edge): kwargs.get(str(edge).replace("->", "_"), 0.5) for edge in GRAPH.edges})


def test_a_ranking_by_residues_of_rounding_is_none_after_rounding():
    """One score stands out; the other true edge leads the rest by 1e-12, as a mask trained on no gradient does."""
    found = ranked(_scores(m0_logits=1.0, input_m0=0.5 + 1e-12), _truth("m0->logits", "input->m0"))
    assert found is not None and found.auroc == 1.0
    others = len(GRAPH.edges) - 2
    assert found.rounded_auroc == pytest.approx((others + others / 2) / (2 * others))


def test_rounding_keeps_what_differs_by_more_than_the_resolution():
    scores = _scores(m0_logits=1.0, input_m0=0.5 + 3 * RESOLUTION)
    found = ranked(scores, _truth("m0->logits", "input->m0"))
    assert found is not None and found.rounded_auroc == found.auroc == 1.0
    assert rounded(scores)["m0->logits"] == round(1 / RESOLUTION)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_rounding_is_relative_to_the_largest_score(size):
    values = {str(edge): size * (index + 1) for index, edge in enumerate(GRAPH.edges)}
    found = ranked(EdgeScores(GRAPH, values), _truth("m0->logits"))
    assert found is not None and found.rounded_auroc == found.auroc


def test_scores_of_zeros_stay_zeros():
    found = ranked(EdgeScores(GRAPH, np.zeros(len(GRAPH.edges))), _truth("m0->logits"))
    assert found is not None and (found.auroc, found.rounded_auroc, found.exact) == (0.5, 0.5, False)


def test_a_node_is_true_if_an_edge_that_leaves_it_is():
    scores = NodeScores(GRAPH, {"input": 1.0, "a0.h0": 0.0, "m0": 0.5})
    found = ranked(scores, _truth("input->m0", "m0->logits"))
    assert found is not None and (found.judged, found.true, found.auroc, found.exact) == (3, 2, 1.0, True)


def test_the_gap_is_the_weakest_true_score_over_the_loudest_other():
    truth, none = _truth("m0->logits", "input->m0"), _truth()
    assert score_gap(_scores(m0_logits=-8.0, input_m0=2.0), truth, none) == 4.0
    assert score_gap(_scores(m0_logits=8.0, input_m0=0.125), truth, none) == 0.25
    assert score_gap(_scores(m0_logits=8.0, input_m0=0.125), truth, _truth("input->m0")) == 16.0
    assert score_gap(_scores(m0_logits=8.0, input_m0=0.0), truth, none) == pytest.approx(8 * RESOLUTION / 0.5)
    assert score_gap(_scores(), ~none, none) is None
    found = ranked(_scores(m0_logits=8.0, input_m0=2.0), truth)
    assert found is not None and found.gap == 4.0


def test_a_gap_is_never_infinite():
    zeros = EdgeScores(GRAPH, dict.fromkeys(map(str, GRAPH.edges), 0.0))
    assert score_gap(zeros, _truth("m0->logits"), _truth()) == 1.0
    only = EdgeScores(GRAPH, {str(edge): float(str(edge) == "m0->logits") for edge in GRAPH.edges})
    assert score_gap(only, _truth("m0->logits"), _truth()) == pytest.approx(1 / RESOLUTION)
