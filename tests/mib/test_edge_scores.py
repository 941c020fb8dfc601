"""Edge scores are looked at: the best edges, a short summary, a table in a notebook."""

import numpy as np
import pytest

from mib.errors import ScoreError
from mib.graph import Edge, EdgeScores, Graph

GRAPH = Graph(1, 1, 4)  # input, a0.h0, m0 into q, k, v, m0, logits: 8 edges
SCORES = {"input->a0.h0<q>": 0.5, "input->m0": -2.0, "a0.h0->m0": 1.0, "m0->logits": -1.0, "input->logits": 0.0}


def test_the_best_edges_come_first_by_magnitude_and_ties_in_the_order_of_the_graph() -> None:
    scores = EdgeScores(GRAPH, SCORES)
    assert [(str(edge), score) for edge, score in scores.top(4)] == [
        ("input->m0", -2.0),
        ("a0.h0->m0", 1.0),
        ("m0->logits", -1.0),
        ("input->a0.h0<q>", 0.5),
    ]
    assert scores.top(1) == [(Edge("input", "m0"), -2.0)] and scores.top(0) == []


def test_edges_without_a_score_are_not_among_the_best() -> None:
    assert len(EdgeScores(GRAPH, SCORES).top(100)) == 5
    assert EdgeScores(GRAPH, {}).top(3) == []
    with pytest.raises(ScoreError, match="^n=-1: ask for 0 edges or more"):
        EdgeScores(GRAPH, SCORES).top(-1)


def test_the_summary_is_one_short_line() -> None:
    assert repr(EdgeScores(GRAPH, SCORES)) == (
        "EdgeScores(8 edges, 3 without a score; input->m0 -2, a0.h0->m0 1, m0->logits -1)"
    )
    assert repr(EdgeScores(GRAPH, np.zeros(8))).startswith("EdgeScores(8 edges; input->a0.h0<q> 0, ")
    assert repr(EdgeScores(GRAPH, {})) == "EdgeScores(8 edges, 8 without a score; none scored)"


def test_a_notebook_shows_the_ten_best_as_a_table() -> None:
    table = EdgeScores(Graph(2, 1, 4), np.arange(23.0))._repr_html_()
    assert table.count("<tr>") == 11 and "<caption>10 best of 23 edges, by magnitude</caption>" in table
    assert "<td>m1-&gt;logits</td><td>22</td>" in table
