"""The minimal circuits of a trained network: whether its live edges suffice, and which other edges it takes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from groundtruth.trained.certificate import EdgeRecord
from groundtruth.truth.circuits.circuit import Sufficiency
from mib.graph import Edge, Graph

_ALL_SUBSETS_UP_TO = 8
"""With at most this many candidates every set of them is tried, smallest first."""

_DELETIONS = 120
"""Else orders of deletion are tried, each of which gives one minimal circuit and takes about two trials a candidate: as
many orders as take this many deletions, and at least one."""

_SEARCHED_PAIRS = 4096
"""With more pairs than this, sets of edges that the circuit does not need are not searched: that takes hundreds of
trials, and a network that needs them is not certified."""

Circuits = tuple[tuple[Edge, ...], ...]
Trial = Callable[[tuple[Edge, ...]], bool]
"""Whether the network gives the same on every pair when these edges are cut together."""


def find_circuits(
    graph: Graph, records: Sequence[EdgeRecord], needed: Sequence[Edge], unchanged: Trial, *, n_pairs: int
) -> tuple[Sufficiency, Circuits]:
    """Run the live edges alone on every pair; where they do not suffice, look for minimal sets to add to them.

    Sets are looked for among the needed edges if these suffice together, else among all that are not live. The family
    is never called complete: sets without some live edge are not tried.

    Args:
        graph: The network's graph.
        records: Each edge with its status.
        needed: The edges of the correspondence.
        unchanged: Runs a set of cuts on every pair.
        n_pairs: How many pairs that is.

    Returns:
        Whether the live edges suffice, and the circuits that were found.
    """
    live = tuple(record.edge for record in records if record.status == "live")
    loose = [record.edge for record in records if record.status == "inert" and record.proof != "constant"]
    constant = [record.edge for record in records if record.proof == "constant"]

    def reproduces(added: Sequence[Edge]) -> bool:
        return unchanged(tuple(edge for edge in (*loose, *constant) if edge not in set(added)))

    position = {edge: index for index, edge in enumerate(graph.edges)}
    alone = Sufficiency(reproduces(()), "exhaustive", n_pairs)
    if alone.holds:
        return alone, (live,)  # sets without some of them are not tried: sufficiency is not monotone
    wanted = set(needed)
    candidates = [edge for edge in loose if edge in wanted]
    if not reproduces(candidates):
        if n_pairs > _SEARCHED_PAIRS:
            return alone, ((*live, *loose),)
        candidates = loose
    few = len(candidates) <= _ALL_SUBSETS_UP_TO
    sets = _by_size(candidates, reproduces) if few else _by_deletion(candidates, reproduces)
    return alone, _in_order((frozenset((*live, *added)) for added in sets), position)


def _in_order(sets: Iterable[frozenset[Edge]], position: Mapping[Edge, int]) -> Circuits:
    """Circuits with their edges in the order of the graph, the smallest first."""
    found = {tuple(sorted(edges, key=position.__getitem__)) for edges in sets}
    return tuple(sorted(found, key=lambda circuit: (len(circuit), str(circuit))))


def _by_size(candidates: Sequence[Edge], reproduces: Callable[[Sequence[Edge]], bool]) -> Iterator[frozenset[Edge]]:
    found: list[frozenset[Edge]] = []
    for size in range(len(candidates) + 1):
        for chosen in itertools.combinations(candidates, size):
            added = frozenset(chosen)
            if not any(smaller <= added for smaller in found) and reproduces(chosen):
                found.append(added)
                yield added


def _by_deletion(candidates: Sequence[Edge], reproduces: Callable[[Sequence[Edge]], bool]) -> Iterator[frozenset[Edge]]:
    if not reproduces(candidates):
        return
    for seed in range(max(1, _DELETIONS // len(candidates))):
        kept, before = set(candidates), -1
        order = random.Random(seed).sample(list(candidates), len(candidates))
        while len(kept) != before:
            before = len(kept)
            for edge in order:
                if edge in kept and reproduces([e for e in candidates if e in kept and e != edge]):
                    kept.discard(edge)
        yield frozenset(kept)
