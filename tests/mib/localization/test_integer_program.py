"""Circuits by integer programming, against every subset of a small graph; and edges that bootstraps settle."""

import itertools
from typing import Any

import numpy as np
import pytest

import mib
from mib.errors import ScoreError
from mib.localization import get
from mib.localization.integer_program import select_by_program
from mib.localization.methods.bootstrap_ilp import consistent_scores
from mib.metrics.circuit_selection import Circuits, prune_circuits
from tests.mib.localization.test_methods import make_task

SMALL = mib.Graph(1, 1, 4)


def best_by_trying_all(scores: mib.EdgeScores, size: int, positive_share: float) -> float:
    graph, best = scores.graph, -1.0
    for chosen in itertools.product((False, True), repeat=len(graph.edges)):
        flags = np.array(chosen)
        if flags.sum() > size or (scores.flat[flags] > 0).sum() < positive_share * flags.sum():
            continue
        if not dangles(graph, flags):
            best = max(best, float(np.abs(scores.flat[flags]).sum()))
    return best


def dangles(graph: mib.Graph, flags: np.ndarray[Any, Any]) -> bool:
    kept = np.zeros((1, *graph.edge_mask.shape), dtype=np.bool_)
    kept[:, *graph.edge_index] = flags
    return not np.array_equal(prune_circuits(Circuits(graph, kept)).kept, kept)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("positive_share", [0.0, 0.6, 1.0])
def test_the_program_finds_the_best_circuit(seed: int, positive_share: float) -> None:
    scores = mib.EdgeScores(SMALL, np.random.default_rng(seed).normal(size=len(SMALL.edges)))
    for size in range(len(SMALL.edges) + 1):
        kept = select_by_program(scores, size, positive_share=positive_share)
        flags = kept[SMALL.edge_index]
        assert flags.sum() <= size and not dangles(SMALL, flags)
        assert (scores.flat[flags] > 0).sum() >= positive_share * flags.sum()
        reached = float(np.abs(scores.flat[flags]).sum())
        assert reached == pytest.approx(best_by_trying_all(scores, size, positive_share)), size


@pytest.mark.parametrize("graph", [mib.Graph(3, 2, 4, pos=True), mib.Graph(2, 2, 4, parallel=True)])
def test_no_edge_of_a_larger_circuit_dangles(graph: mib.Graph) -> None:
    scores = mib.EdgeScores(graph, np.random.default_rng(0).normal(size=len(graph.edges)))
    for size in (1, 5, 17, len(graph.edges)):
        flags = select_by_program(scores, size)[graph.edge_index]
        assert flags.sum() == size and not dangles(graph, flags)


def test_sizes_and_shares_out_of_range_are_refused() -> None:
    scores = mib.EdgeScores(SMALL, np.ones(len(SMALL.edges)))
    with pytest.raises(ScoreError, match="a circuit of size 9 was asked for; sizes are 0 to 8"):
        select_by_program(scores, 9)
    with pytest.raises(ScoreError, match="positive_share=1.5; it is a share"):
        select_by_program(scores, 2, positive_share=1.5)


def test_the_bootstrap_drops_edges_whose_sign_the_examples_do_not_settle() -> None:
    task = make_task()
    plain = get("eap-ig-inputs")(task)
    scores = consistent_scores(task, steps=5, resamples=200, confidence=0.95)
    settled = scores.flat != 0
    np.testing.assert_allclose(scores.flat[settled], plain.flat[settled])  # type: ignore[union-attr]
    assert 0 < settled.sum() < len(settled)
    one = make_task(clean=task.clean[:1].repeat(4, 1), counterfactual=task.counterfactual[:1].repeat(4, 1))
    same = consistent_scores(one, steps=5, resamples=20, confidence=0.95)
    assert (same.flat != 0).sum() >= settled.sum()


def test_edges_rank_by_the_size_at_which_they_come_in() -> None:
    task = make_task()
    found = get("bootstrap-ilp")(task)
    assert isinstance(found, mib.EdgeScores)
    kept = select_by_program(consistent_scores(task, steps=5, resamples=10, confidence=0.95), 2, positive_share=0.5)[
        task.graph.edge_index
    ]
    inside, outside = found.flat[kept], found.flat[~kept]
    assert inside.min() > 2 and inside.min() > outside.max()
