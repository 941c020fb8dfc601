"""Minimal circuits of a model in which copies stand in for each other, so that no single cut shows an edge."""

import itertools
import random
from collections.abc import Sequence

import numpy as np

from groundtruth.circuit import EdgeTruth
from groundtruth.runs import Runs
from mib.graph import Edge

_ALL_SUBSETS_UP_TO = 8
"""With at most this many doubtful edges every subset is tried, so that the list of minimal circuits is complete."""

_ORDERS = 6
"""Else this many orders of deletion are tried, each of which gives one minimal circuit."""

_QUICK = 4_000
_THOROUGH = 200_000


def minimal_circuits(runs: Runs, truths: Sequence[EdgeTruth]) -> tuple[tuple[tuple[Edge, ...], ...], bool]:
    """Minimal sets of edges that hold all live edges and reproduce the model.

    Args:
        runs: Full runs and what a cut edge carries.
        truths: Every edge with its proof; absent and constant edges are in no minimal circuit.

    Returns:
        The circuits, smallest first, and whether they are all. A circuit that was not run on every pair but only on
        a sample counts as reproducing the model there; then the list is called incomplete.
    """
    live = [t.edge for t in truths if t.status == "live"]
    doubtful = [t.edge for t in truths if t.proof in ("absorbed", "exhaustive", "none")]
    if len(doubtful) <= _ALL_SUBSETS_UP_TO:
        return _by_size(runs, live, doubtful)
    return _by_deletion(runs, live, doubtful)


def _by_size(runs: Runs, live: list[Edge], doubtful: list[Edge]) -> tuple[tuple[tuple[Edge, ...], ...], bool]:
    found: list[frozenset[Edge]] = []
    certain = True
    for size in range(1, len(doubtful) + 1):
        for chosen in itertools.combinations(doubtful, size):
            added = frozenset(chosen)
            if any(smaller <= added for smaller in found):
                continue
            enough, sure = _reproduces(runs, doubtful, added)
            certain &= sure
            if enough:
                found.append(added)
    return _ordered(runs, live, found), certain


def _by_deletion(runs: Runs, live: list[Edge], doubtful: list[Edge]) -> tuple[tuple[tuple[Edge, ...], ...], bool]:
    found: list[frozenset[Edge]] = []
    rng = random.Random(0)
    for attempt in range(_ORDERS):
        order = list(doubtful) if attempt == 0 else rng.sample(doubtful, len(doubtful))
        kept = _without_needless(runs, doubtful, order)
        if kept not in found:
            found.append(kept)
    return _ordered(runs, live, found), False


def _without_needless(runs: Runs, doubtful: list[Edge], order: Sequence[Edge]) -> frozenset[Edge]:
    """Drop edges in an order, over and over, until none can be dropped: what one deletion allows can come later."""
    kept = frozenset(doubtful)
    while True:
        before = kept
        for edge in order:
            if edge in kept and _reproduces(runs, doubtful, kept - {edge})[0]:
                kept -= {edge}
        if kept == before:
            return kept


def _reproduces(runs: Runs, doubtful: list[Edge], added: frozenset[Edge]) -> tuple[bool, bool]:
    """Whether cutting the other doubtful edges changes nothing, and whether that was tried on every pair."""
    from groundtruth.proving import fails_somewhere

    kept = runs.graph.edge_mask.copy()
    for edge in doubtful:
        kept[runs.graph.index(edge)] = edge in added
    failed, done, _ = fails_somewhere(runs, np.asarray(kept), limit=_QUICK)
    if not failed and not done:
        failed, done, _ = fails_somewhere(runs, np.asarray(kept), limit=_THOROUGH)
    return not failed, failed or done


def _ordered(runs: Runs, live: list[Edge], found: list[frozenset[Edge]]) -> tuple[tuple[Edge, ...], ...]:
    position = {edge: index for index, edge in enumerate(runs.graph.edges)}
    circuits = [tuple(sorted({*live, *added}, key=position.__getitem__)) for added in found]
    return tuple(sorted(circuits, key=lambda circuit: (len(circuit), [position[edge] for edge in circuit])))
