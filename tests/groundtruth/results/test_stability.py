"""Stability is the Jaccard index of the best edges over resamples, and needs more than one of them."""

from dataclasses import replace

import pytest

from groundtruth.errors import DomainError
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.kept_scores import KeptScores
from groundtruth.results.result import Result
from groundtruth.results.stability import stabilities, stability
from mib.graph import EdgeScores, Graph
from tests.groundtruth.bench.cell_makers import circuit_cell, planned
from tests.groundtruth.results.test_results import row

GRAPH = Graph(n_layers=1, n_heads=1, d_model=4)


def scored(*best: int, model: str = "hist", seed: int = 0) -> CircuitScores:
    values = [float(place in best) * (1 + place) for place in range(len(GRAPH.edges))]
    return replace(row("a", model, 0.9, 0.5, 0.5), scores=KeptScores.of(EdgeScores(GRAPH, values)), seed=seed)


def test_it_is_the_shared_share_of_the_best_edges_in_the_mean_over_pairs() -> None:
    assert stability([scored(0, 1, 2, 3), scored(0, 1, 2, 3)]) == 1.0
    assert stability([scored(0, 1, 2, 3), scored(0, 1, 4, 5)]) == pytest.approx(2 / 6)
    assert stability([scored(0, 1, 2, 3), scored(0, 1, 2, 3), scored(4, 5, 6, 7)]) == pytest.approx(1 / 3)
    assert stability([scored(0), scored(0, 1)]) == 0.5  # a score of zero chooses nothing
    assert stability([scored(), scored()]) == 1.0
    assert stability([scored(0)]) is None
    assert stabilities([scored(0), scored(0, model="sort"), scored(1, model="sort")]) == [0.0]


def test_a_table_has_it_where_examples_were_drawn_more_than_once() -> None:
    rows = [scored(0, 1, 2, 3), scored(0, 1, 4, 5, seed=1)]
    outcomes = tuple((circuit_cell("a", "hist", seed=one.seed), one) for one in rows)
    (summary,) = Result(outcomes, {}, 0.0).summaries("resample")
    assert summary.columns["stability"].mean == pytest.approx(1 / 3)
    assert "stability" not in Result(outcomes[:1], {}, 0.0).summaries("resample")[0].columns


def test_resamples_are_seeds_one_after_the_other() -> None:
    assert [cell.seed for cell in planned("smoke", models=["hist"], methods=["eap"], seed=3, resamples=2)] == [3, 4]
    with pytest.raises(DomainError, match="resamples=0: draw the examples once or more often"):
        planned("smoke", models=["hist"], methods=["eap"], resamples=0)
