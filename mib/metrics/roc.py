"""How well scores of edges tell the true edges from the others.

The ranking is by magnitude unless ``ranking="signed"``. Nothing here depends on the order of edges: tied edges count
by what they give on average over the orders in which they could come.

Sources: Fawcett (2006), https://doi.org/10.1016/j.patrec.2005.10.010; ``roc_auc_score`` and
``average_precision_score`` of scikit-learn, whose results AUROC and average precision are to the bit, without its
import, which took longer than most scores; MIB's ten-point AUROC as ``evaluate_area_under_roc`` and
``print_results.py`` of https://github.com/aaronmueller/MIB-circuit-track compute it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError
from mib.graph import EdgeScores
from mib.metrics.circuit_selection import MIB_FRACTIONS, Ranking, select, strengths

EdgeFlags = NDArray[np.bool_]
"""Bool [source, destination], or bool [edge] in the order of ``graph.edges``."""


@dataclass(frozen=True)
class AtTrueSize:
    """How good the best k edges are, where k is the number of true edges.

    Edges with a score of exactly 0 are never among them: 0 says "not important". Of edges that tie at the cut each
    counts with the share of them that fits.

    Attributes:
        precision: Share of the chosen edges that are true; 0 if none is chosen.
        recall: Share of the true edges that are chosen.
        f1: Harmonic mean of the two; 0 if both are.
    """

    precision: float
    recall: float
    f1: float


def edge_auroc(
    scores: EdgeScores, truth: EdgeFlags, *, leave_out: EdgeFlags | None = None, ranking: Ranking = "absolute"
) -> float:
    """Area under the ROC curve of ranking edges, against the true edges.

    Args:
        scores: One finite number an edge.
        truth: Edges that are true.
        leave_out: Edges that are not judged, such as those that carry only constants.
        ranking: By ``absolute`` or ``signed`` score.

    Returns:
        A number in [0, 1]; 0.5 for scores that carry no information. Ties count half.

    Raises:
        ScoreError: If an edge has no finite score, a shape does not fit, or all judged edges are true or none is.
    """
    judged = _judge(scores, truth, leave_out, ranking)
    return area_under_roc(judged.strength, judged.positive)


def area_under_roc(strength: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of ranking things of any kind by strength; ties count half.

    Args:
        strength: Strength of each [thing]; the strongest are taken to be true first.
        positive: True for those that are [thing].

    Raises:
        ScoreError: If all are true or none is.
    """
    _require_both(positive)
    found, false = _count_found(strength, positive)
    # Points inside a straight piece are left out, as in scikit-learn: summing over them would round otherwise.
    inside = np.zeros(len(found), dtype=bool)
    inside[1:-1] = (np.diff(found, 2) == 0) & (np.diff(false, 2) == 0)
    true_rate, false_rate = (np.append(0.0, counts[~inside]) / counts[-1] for counts in (found, false))
    return float(np.trapezoid(true_rate, false_rate))


def edge_average_precision(
    scores: EdgeScores, truth: EdgeFlags, *, leave_out: EdgeFlags | None = None, ranking: Ranking = "absolute"
) -> float:
    """Average precision of ranking edges: the mean over true edges of the precision where each is found.

    Arguments and errors as ``edge_auroc``.

    Returns:
        A number in [0, 1]; for scores that carry no information the share of true edges. Tied edges are found
        together.
    """
    judged = _judge(scores, truth, leave_out, ranking)
    _require_both(judged.positive)
    found, false = _count_found(judged.strength, judged.positive)
    # From the last threshold to the first: scikit-learn sums in this order.
    precision, recall = np.flip(found / (found + false)), np.append(np.flip(found / found[-1]), 0.0)
    return float(-(np.diff(recall) * precision).sum())


def at_true_size(
    scores: EdgeScores, truth: EdgeFlags, *, leave_out: EdgeFlags | None = None, ranking: Ranking = "absolute"
) -> AtTrueSize:
    """Precision, recall and F1 of the best k edges, k being the number of true edges.

    Arguments and errors as ``edge_auroc``, but all edges may be true.
    """
    judged = _judge(scores, truth, leave_out, ranking)
    size = int(judged.positive.sum())
    if not size:
        raise ScoreError("truth has no true edge among the judged edges: there is no true size.")
    worth = np.where(judged.is_zero, -np.inf, judged.strength)
    cut = np.sort(worth)[-size]
    share = np.where(worth > cut, 1.0, 0.0)
    if cut > -np.inf:
        at_cut = worth == cut
        # What a tie gives on average over its orders, so that the order of edges plays no part.
        share[at_cut] = (size - share.sum()) / at_cut.sum()
    chosen, found = float(share.sum()), float(share[judged.positive].sum())
    precision, recall = found / chosen if chosen else 0.0, found / size
    f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    return AtTrueSize(precision, recall, f1)


def exact_recovery(
    scores: EdgeScores, truth: EdgeFlags, *, leave_out: EdgeFlags | None = None, ranking: Ranking = "absolute"
) -> bool:
    """Tell whether every true edge scores above every other edge and none scores exactly 0; a tie is no recovery.

    Arguments and errors as ``edge_auroc``, but all edges may be true, or none (then all scores must be 0).
    """
    judged = _judge(scores, truth, leave_out, ranking)
    true, others = judged.strength[judged.positive], judged.strength[~judged.positive]
    if not len(true):
        return bool(judged.is_zero.all())
    separated = not len(others) or float(true.min()) > float(others.max())
    return separated and not judged.is_zero[judged.positive].any()


def mib_auroc(
    scores: EdgeScores, truth: EdgeFlags, *, leave_out: EdgeFlags | None = None, ranking: Ranking = "absolute"
) -> float:
    """MIB's AUROC: ten (FPR, TPR) points of pruned greedy circuits, joined by lines, without the point (0, 0).

    It is no estimate of ``edge_auroc``: the circuits hold 0.1 % to 100 % of the edges (rounded up, unlike in CPR),
    greedy selection needs a path to the logits, and what lies left of the first point is not counted. Unscored
    edges (NaN) count as predicted at every size.

    Arguments and errors as ``edge_auroc``, but scores may be NaN.
    """
    graph = scores.graph
    positive, negative = _flags(scores, truth, leave_out)
    _require_both(positive[positive | negative])
    n_scored = int(np.count_nonzero(~np.isnan(scores.flat)))
    # Rounded up, unlike for CPR: so MIB's code has it.
    sizes = [math.ceil(fraction * n_scored) for fraction in MIB_FRACTIONS]
    kept = select(scores, sizes, ranking=ranking, selection="greedy").kept[:, *graph.edge_index]
    true_rate, false_rate = kept[:, positive].mean(axis=1), kept[:, negative].mean(axis=1)
    return float(((true_rate[1:] + true_rate[:-1]) / 2 * np.diff(false_rate / false_rate[-1])).sum())


@dataclass(frozen=True, eq=False)
class _Judged:
    """Strength, truth, and whether the score is exactly 0, of each edge that is judged."""

    strength: NDArray[np.float64]
    positive: NDArray[np.bool_]
    is_zero: NDArray[np.bool_]


def _judge(scores: EdgeScores, truth: EdgeFlags, leave_out: EdgeFlags | None, ranking: Ranking) -> _Judged:
    positive, negative = _flags(scores, truth, leave_out)
    judged = positive | negative
    # Refused here: an edge without a score would be sorted somewhere, and nobody would see it.
    values = scores.require_complete(by="the scores to judge").flat[judged]
    return _Judged(strengths(values, ranking), positive[judged], values == 0)


def _count_found(
    strength: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the true and the other edges that are at least as strong as each strength that occurs, strongest first."""
    order = np.argsort(-strength, kind="stable")
    strength = strength[order]
    # Only where the strength changes: within a tie there is no threshold.
    last = np.append(np.flatnonzero(np.diff(strength)), len(strength) - 1)  # of each group of ties
    found = np.cumsum(positive[order], dtype=np.float64)[last]
    return found, 1 + last - found


def _flags(
    scores: EdgeScores, truth: EdgeFlags, leave_out: EdgeFlags | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which edges are true, and which are not, of those that are judged."""
    true = _flat(scores, truth, "truth")
    judged = ~_flat(scores, leave_out, "leave_out") if leave_out is not None else np.ones_like(true)
    return true & judged, ~true & judged


def _flat(scores: EdgeScores, flags: EdgeFlags, name: str) -> NDArray[np.bool_]:
    graph, flags = scores.graph, np.asarray(flags)
    if flags.dtype != np.bool_:
        raise ScoreError(f"{name} has dtype {flags.dtype}; expected bool, True for an edge that belongs to it.")
    if flags.shape == graph.edge_mask.shape:
        return flags[graph.edge_index]
    if flags.shape == (len(graph.edges),):
        return flags
    raise ScoreError(
        f"{name} has shape {flags.shape}; expected {graph.edge_mask.shape} (source, destination) or "
        f"({len(graph.edges)},) (in the order of graph.edges)."
    )


def _require_both(positive: NDArray[np.bool_]) -> None:
    if positive.all() or not positive.any():
        raise ScoreError(
            f"{int(positive.sum())} of {len(positive)} judged edges are true: ranking needs true and other edges. "
            "Leave this model out, or judge more edges."
        )
