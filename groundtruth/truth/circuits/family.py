"""Minimal circuits of a model in which copies stand in for each other, so that no single cut shows an edge.

A set of edges is minimal if it reproduces the model and no smaller set within it does. Sets are tried by size, so that
whatever holds a minimal set within it need not be tried; most others fail on a pair on which another one failed.
"""

import itertools
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from groundtruth.truth.circuits.circuit import EdgeTruth
from groundtruth.truth.circuits.patched_runs import RUN_LIMIT, Runs
from groundtruth.truth.circuits.sufficiency import circuit_mask, doubtful_edges, try_circuit
from mib.graph import Edge

_ALL_SUBSETS_UP_TO = 14
"""With at most this many doubtful edges every set of them is tried, so that the list of circuits is complete."""

_ORDERS = 12
"""Else this many orders of deletion are tried, each of which gives one minimal circuit."""

_REMEMBERED = 48
"""How many pairs on which a circuit failed are tried first with the next one."""

Circuits = tuple[tuple[Edge, ...], ...]


def minimal_circuits(runs: Runs, truths: Sequence[EdgeTruth]) -> tuple[Circuits, bool]:
    """Minimal sets of doubtful edges that reproduce the model together with all live edges.

    Args:
        runs: Full runs and what a cut edge carries.
        truths: Every edge with its proof; absent and constant edges are in no minimal circuit.

    Returns:
        The circuits with their live edges, smallest first, and whether they are all. A circuit that was not run on
        every pair but only on a sample counts as reproducing the model; then the list is called incomplete.
    """
    doubtful = doubtful_edges(truths)
    search = CircuitTrials(runs, truths)
    every = len(doubtful) <= _ALL_SUBSETS_UP_TO
    found = _by_size(search, doubtful) if every else _by_deletion(search, doubtful)
    position = {edge: index for index, edge in enumerate(runs.graph.edges)}
    circuits = [tuple(sorted({*search.live, *added}, key=position.__getitem__)) for added in found]
    circuits.sort(key=lambda circuit: (len(circuit), [position[edge] for edge in circuit]))
    return tuple(circuits), every and search.certain


@dataclass
class CircuitTrials:
    """Runs of circuits that hold the live edges, and the pairs on which one failed.

    Attributes:
        runs: Full runs and what a cut edge carries.
        truths: Every edge with its proof.
        certain: Whether each circuit that was said to reproduce the model was run on every pair.
    """

    runs: Runs
    truths: Sequence[EdgeTruth]
    certain: bool = True
    _failed_on: list[tuple[int, int]] = field(default_factory=list, init=False)

    @property
    def live(self) -> list[Edge]:
        """The edges that every circuit holds."""
        return [truth.edge for truth in self.truths if truth.status == "live"]

    def reproduces(self, added: Collection[Edge]) -> bool:
        """Whether the live edges and some more change no output on any pair that was run."""
        runs, kept = self.runs, circuit_mask(self.runs, self.truths, added=added)
        if self._failed_on:
            rows, puts = torch.tensor(self._failed_on).T
            if bool(runs.changed(rows, runs.circuit_codes(kept, rows, puts)).any()):
                return False
        trial = try_circuit(runs, kept, limit=RUN_LIMIT)
        if trial.differs_on is not None:
            self._failed_on = [trial.differs_on, *self._failed_on][:_REMEMBERED]
            return False
        self.certain = self.certain and trial.complete
        return True


def _by_size(search: CircuitTrials, doubtful: list[Edge]) -> list[frozenset[Edge]]:
    found: list[frozenset[Edge]] = []
    for added in _connected(search.live, doubtful):
        if not any(smaller <= added for smaller in found) and search.reproduces(added):
            found.append(added)
    return found


def _connected(live: list[Edge], doubtful: list[Edge]) -> Iterator[frozenset[Edge]]:
    """Sets of edges, smallest first, that can be minimal: from each edge a path leads to the logits.

    An edge without such a path changes nothing, so the set is as good without it.
    """
    for size in range(len(doubtful) + 1):
        for chosen in itertools.combinations(doubtful, size):
            reach = _reaching_logits([*live, *chosen])
            if all(_node(edge.destination) in reach for edge in chosen):
                yield frozenset(chosen)


def _reaching_logits(edges: Sequence[Edge]) -> set[str]:
    reach, grown = {"logits"}, True
    while grown:
        more = {edge.source for edge in edges if _node(edge.destination) in reach} - reach
        reach |= more
        grown = bool(more)
    return reach


def _node(destination: str) -> str:
    return destination.split("<")[0]


def _by_deletion(search: CircuitTrials, doubtful: list[Edge]) -> list[frozenset[Edge]]:
    """One minimal set for each order of deletion: first those that give other sets, then random ones."""
    found: list[frozenset[Edge]] = []
    rng = random.Random(0)
    for attempt in range(_ORDERS):
        order = rng.sample(doubtful, len(doubtful))
        if attempt < _ORDERS // 2:
            used = {edge: sum(edge in other for other in found) for edge in doubtful}
            order = sorted(doubtful, key=lambda edge: -used[edge])
        kept = _shrunk(search, order)
        if kept not in found:
            found.append(kept)
    return found


def _shrunk(search: CircuitTrials, order: Sequence[Edge]) -> frozenset[Edge]:
    """A set none of whose edges can be left out, by leaving out what can be until nothing more can."""
    kept, before = frozenset(order), None
    while kept != before:
        before = kept
        for edge in order:
            if edge in kept and search.reproduces(kept - {edge}):
                kept -= {edge}
    return kept
