"""Stability: how far the best edges of a method stay the same when its examples are drawn anew.

A stable circuit need not be a right one; the table shows both. Méloux et al. (2025), https://arxiv.org/abs/2510.00845,
report the Jaccard index of EAP-IG's circuits over resamples of the data.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from groundtruth.results.circuit_scores import CircuitScores
from mib.graph import EdgeScores


def stability(rows: Sequence[CircuitScores]) -> float | None:
    """Take the mean Jaccard index of the best k edges over all pairs of resamples of one model.

    Args:
        rows: Scores of one method on one model, one a seed.

    Returns:
        Shared edges over all edges of two choices, from 0 to 1; 1 for two that choose nothing. k is the size of the
        smallest minimal circuit that a ranking was judged against. ``None`` where there are not two rankings of edges
        whose truth is known.
    """
    kept = [(row.scores.unpack(), row.live.true) for row in rows if row.scores and row.live]
    size = min((true for _, true in kept), default=0)
    chosen = [_best(scores, size) for scores, _ in kept if isinstance(scores, EdgeScores)]
    if len(chosen) < 2:
        return None
    return fmean(_jaccard(first, second) for first, second in combinations(chosen, 2))


def stabilities(rows: Sequence[CircuitScores]) -> list[float]:
    """Take the stability of one method on each model that it was scored on more than once."""
    by_model: dict[tuple[str, str, str], list[CircuitScores]] = {}
    for row in rows:
        by_model.setdefault((row.model, row.task, row.ablation), []).append(row)
    return [value for own in by_model.values() if (value := stability(own)) is not None]


def _best(scores: EdgeScores, size: int) -> frozenset[str]:
    """The best edges; a score of exactly 0 says that an edge does not matter."""
    return frozenset(str(edge) for edge, value in scores.top(size) if value)


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first or second else 1.0
