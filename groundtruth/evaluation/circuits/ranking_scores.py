"""How well scores rank the true edges (or nodes) above the others: against one truth, or a family of them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from groundtruth.results.circuit_scores import RESOLUTION, Ranked
from groundtruth.truth.circuits.circuit import Circuit
from mib.errors import ScoreError
from mib.graph import EdgeScores, NodeScores
from mib.levels import Scores
from mib.metrics import roc

Flags = NDArray[np.bool_]
"""[source, destination]"""


def ranked(scores: Scores, truth: Flags, leave_out: Flags | None = None) -> Ranked | None:
    """Against one truth; a node is true if an edge that leaves it is, and not judged if only doubtful ones do.

    Args:
        scores: Scores of edges or nodes.
        truth: Edges that are true.
        leave_out: Edges that are not judged.

    Returns:
        ``None`` for scores of neurons, or if no judged edge is true.
    """
    left_out = np.zeros_like(truth) if leave_out is None else leave_out
    true = truth & ~left_out
    if isinstance(scores, NodeScores):
        scores, true, left_out = _as_edges(scores, true, left_out)
    if not isinstance(scores, EdgeScores) or not true.any():
        return None
    best = roc.at_true_size(scores, true, leave_out=left_out)
    return Ranked(
        judged=int((scores.graph.edge_mask & ~left_out).sum()),
        true=int(true.sum()),
        auroc=_or_none(roc.edge_auroc, scores, true, left_out),
        average_precision=_or_none(roc.edge_average_precision, scores, true, left_out),
        precision=best.precision,
        recall=best.recall,
        f1=best.f1,
        exact=roc.exact_recovery(scores, true, leave_out=left_out),
        rounded_auroc=_or_none(roc.edge_auroc, rounded(scores), true, left_out),
        gap=score_gap(scores, true, left_out),
    )


def best_match(scores: Scores, family: Sequence[Flags], leave_out: Flags) -> tuple[Flags, Ranked | None]:
    """Against the member of a family of truths that the ranking matches best.

    Edges that only other members hold are not judged. A member that is recovered exactly comes first, then the one with
    the greatest AUROC; of equal ones that with the greatest average precision, then the first.

    Args:
        scores: Scores of edges or nodes.
        family: Edges that are true, in each member; at least one.
        leave_out: Edges that are not judged against any member.

    Returns:
        The member, and how well the scores rank its edges above the others.
    """
    # An edge of another member is no mistake of a ranking, nor a find of this one.
    anywhere = np.logical_or.reduce(list(family))
    matches = [(member, ranked(scores, member, leave_out | (anywhere & ~member))) for member in family]
    return max(matches, key=lambda match: _quality(match[1]))


def judged_by(circuit: Circuit, scores: Scores) -> tuple[Flags, Flags]:
    """Say which edges a ranking of a circuit's model is held against.

    Args:
        circuit: The truth.
        scores: Scores of edges or nodes.

    Returns:
        The edges of the minimal circuit that the ranking matches best; and those that are not judged: of other minimal
        circuits alone, or with nothing shown about them.
    """
    doubtful = circuit.mask(circuit.doubtful)
    member, _ = best_match(scores, [circuit.mask(edges) for edges in circuit.minimal_circuits], doubtful)
    return member, unjudged_beside(circuit, member)


def unjudged_beside(circuit: Circuit, member: Flags) -> Flags:
    """Give the edges not judged beside a minimal circuit: of others alone, or with nothing shown about them."""
    return (circuit.mask(circuit.doubtful) | circuit.mask(circuit.needed)) & ~member


def _quality(found: Ranked | None) -> tuple[bool, float, float]:
    # Exact first: a member whose others are all left out may have no AUROC at all.
    return (found.exact, found.auroc or 0.0, found.average_precision or 0.0) if found else (False, -1.0, -1.0)


def size_to_sufficiency(scores: Scores, family: Sequence[Flags]) -> float | None:
    """Size of the smallest member of a family over the smallest k such that the best k edges (or nodes) hold a member.

    Ties count as what they can do at worst: edges that score the same are taken together. All edges of the graph count,
    those of other members too, for they are in a circuit that is cut off the top of the ranking.

    Args:
        scores: Scores of edges or nodes.
        family: Edges that are true, in each member.

    Returns:
        A number in (0, 1], 1 where the best edges are the smallest member; ``None`` for scores of neurons, or if
        nothing is needed.
    """
    if isinstance(scores, EdgeScores):
        strength, members = np.abs(scores.flat), [member[scores.graph.edge_index] for member in family]
    elif isinstance(scores, NodeScores):
        strength, members = np.abs(scores.values), [member.any(1) for member in family]
    else:
        return None
    # An empty member is held by the best 0 edges, whatever the ranking.
    if not all(member.any() for member in members):
        return None
    # All that ties with the weakest of a member comes with it: the worst that the order of ties can do.
    sizes = [int((strength >= strength[member].min()).sum()) for member in members]
    return min(int(member.sum()) for member in members) / min(sizes)


def score_gap(scores: EdgeScores, truth: Flags, leave_out: Flags) -> float | None:
    """Size of the weakest true score over that of the loudest other: how far apart, where AUROC only counts order.

    Scores below ``RESOLUTION`` of the largest may be rounding and count as that, so that no gap is infinite or 0.

    Args:
        scores: Scores of edges.
        truth: Edges that are true.
        leave_out: Edges that are not judged.

    Returns:
        A number from 1e-6 to 1e6, over 1 if all true edges stand above all others; ``None`` if all or none are true.
    """
    strength = np.abs(scores.flat)
    index = scores.graph.edge_index
    true, others = (truth & ~leave_out)[index], (~truth & ~leave_out)[index]
    if not true.any() or not others.any():
        return None
    # 1 where all scores are 0, so that the gap of a ranking that says nothing is 1.
    least = RESOLUTION * float(strength.max()) or 1.0
    return max(float(strength[true].min()), least) / max(float(strength[others].max()), least)


def rounded(scores: EdgeScores) -> EdgeScores:
    """The scores in whole multiples of ``RESOLUTION`` of the largest."""
    unit = RESOLUTION * float(np.abs(scores.flat).max())
    return EdgeScores(scores.graph, np.round(scores.values / unit)) if unit > 0 else scores


def _as_edges(scores: NodeScores, true: Flags, left_out: Flags) -> tuple[EdgeScores, Flags, Flags]:
    """Nodes as their edges to the logits, which every node has; no other edge is judged."""
    graph = scores.graph
    values = np.zeros(graph.edge_mask.shape)
    judged = np.zeros(graph.edge_mask.shape, dtype=np.bool_)
    is_true = np.zeros(graph.edge_mask.shape, dtype=np.bool_)
    column = graph.destination_index["logits"]
    values[:, column] = scores.values
    is_true[:, column] = true.any(1)
    # With a doubtful edge and no true one it is not known whether the node is true.
    judged[:, column] = true.any(1) | ~left_out.any(1)
    return EdgeScores(graph, values), is_true, ~judged


def _or_none(metric: Callable[..., float], scores: EdgeScores, true: Flags, left_out: Flags) -> float | None:
    try:
        return metric(scores, true, leave_out=left_out)
    except ScoreError:
        return None  # all judged edges are true: there is nothing to rank them above
