"""Where edges matter: what the program says, a position at a time."""

import numpy as np
import pytest

import groundtruth
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.position_truth import PositionTruth, position_truth
from mib import Graph
from mib.localization.position_scores import PositionScores


@pytest.fixture(scope="module")
def first():
    """Every position says what stands at the first one, which is position 1: BOS is position 0."""
    program = groundtruth.programs.get("copy_first").build()
    return groundtruth.compile(program, vocab=["a", "b"], max_seq_len=3, name="copy_first")


def test_what_is_copied_matters_where_it_stands_and_what_is_said_wherever_it_is_read(first):
    truth = position_truth(first)
    assert truth.n_pairs == (2**3) ** 2
    assert {str(edge): truth.at(edge) for edge in truth.edges} == {
        "input->a0.h0<v>": (1,),
        "a0.h0->logits": (1, 2, 3),
    }
    assert {*truth.edges} == {*first.circuit("resample", lengths="fixed").edges}


def test_a_model_with_too_many_pairs_is_refused(first):
    with pytest.raises(DomainError, match="'copy_first' has more than 7 inputs of length 3, and with each other"):
        position_truth(first, max_pairs=63)


def test_area_under_the_curve_counts_ties_half_and_ignores_what_is_no_edge():
    graph = Graph(1, 1, 4)
    values, live = np.zeros((*graph.edge_mask.shape, 2)), np.zeros((*graph.edge_mask.shape, 2), dtype=bool)
    row, column = graph.index("a0.h0->logits")
    live[row, column] = True
    values[row, column] = -3.0, 1.0
    values[graph.index("input->m0")][0] = 1.0
    truth = PositionTruth(graph, live, 1)
    others = 2 * len(graph.edges) - 2
    assert truth.auroc(PositionScores(graph, values)) == pytest.approx((others + (others - 0.5)) / (2 * others))
    with pytest.raises(DomainError, match="at 3 positions; expected .* at 2, BOS among them"):
        truth.auroc(PositionScores(graph, np.zeros((*graph.edge_mask.shape, 3))))
