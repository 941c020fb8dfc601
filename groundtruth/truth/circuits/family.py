"""The family of a model's minimal sufficient circuits: sets of edges that reproduce it, no part of which does.

Every edge over which anything is read is in question, live ones too, for sufficiency is not monotone: edges that are
live one by one may be needless together. The sets that are minimal on a few pairs of inputs are found first
(``minimal_sets``) and then run on every pair; where one fails, that pair joins the few, and the search begins anew. It
ends when all that are minimal on the few reproduce the model on all. Then they are the family: whatever reproduces the
model on all pairs does so on the few, so it holds one of them.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch

from groundtruth.truth.circuits.circuit import EdgeTruth, Sufficiency
from groundtruth.truth.circuits.minimal_sets import Budget, SearchTooLargeError, minimal_sets
from groundtruth.truth.circuits.patched_runs import RUN_LIMIT, Runs
from groundtruth.truth.circuits.sufficiency import circuit_mask, is_preserved, try_circuit
from groundtruth.truth.circuits.value_classes import ValueClasses
from mib.graph import Edge

_NUMBERS, _SETS = 1_000_000_000, 100_000
"""Cost of the search of one family before the family is called incomplete; see ``Budget``."""

_MOST_EDGES = 24
"""With more edges that carry anything that varies a family is not searched whole: that can take minutes, and fail."""

_FIRST_PAIRS = 32
"""Number of pairs of inputs that a search begins with."""

_ROUNDS = 40
"""Number of times that a search is begun anew with more pairs before it is given up."""

_ORDERS = 3
"""Number of orders in which edges are left out where the search is given up; each gives one circuit."""

Circuits = tuple[tuple[Edge, ...], ...]
Pair = tuple[int, int]


@dataclass
class CircuitTrials:
    """Runs of circuits, and the pairs on which one failed.

    Attributes:
        runs: Full runs and what a cut edge carries.
        truths: Every edge with its proof.
        sufficiency: Sufficiency of the live edges where it is known, which then need not be run.
        classes: Classes of values on the whole domain, if the runs are a sample of it.
        pairs: The pairs that every circuit is tried on first: some at random, and those on which one failed.
    """

    runs: Runs
    truths: Sequence[EdgeTruth]
    sufficiency: Sufficiency | None = None
    classes: ValueClasses | None = None
    pairs: dict[Pair, None] = field(default_factory=dict[Pair, None], init=False)
    _passed: dict[frozenset[Edge], bool] = field(default_factory=dict[frozenset[Edge], bool], init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        sizes = (len(self.runs.tokens), self.runs.n_replacements)
        # A fixed seed: where a search is given up depends on its pairs, and a stored family must be found again.
        drawn = [torch.randint(size, (_FIRST_PAIRS,), generator=generator).tolist() for size in sizes]
        self.pairs = dict.fromkeys(zip(*drawn, strict=True))
        if self.sufficiency is not None and self.sufficiency.holds:
            # Proven already, maybe by induction over a domain that no trial here could run whole.
            self._passed[frozenset(t.edge for t in self.truths if t.status == "live")] = True

    @property
    def readable(self) -> list[Edge]:
        """The edges that can be in a minimal circuit: those over which something is read by more than decoys."""
        return [t.edge for t in self.truths if t.structural and t.proof != "unread"]

    def reproduces(self, edges: Collection[Edge]) -> bool:
        """Tell whether a circuit changes no output on any pair that was run; where it fails is remembered."""
        wanted = frozenset(edges)
        if wanted in self._passed:
            return True
        if not self.reproduces_first(wanted):
            return False
        trial = try_circuit(self.runs, circuit_mask(self.runs, self.truths, wanted), limit=RUN_LIMIT)
        # This pair rules the circuit out in the next round, so that each round ends or learns something.
        if trial.differs_on is not None:
            self.pairs[trial.differs_on] = None
            return False
        whole = trial.complete and self.classes is None
        self._passed[wanted] = whole or is_preserved(self.runs, self.truths, wanted, self.classes)
        return True

    def reproduces_first(self, edges: Collection[Edge]) -> bool:
        """Tell whether a circuit changes no output on the pairs that are tried first."""
        rows, puts = torch.tensor(list(self.pairs)).T
        codes = self.runs.circuit_codes(circuit_mask(self.runs, self.truths, edges), rows, puts)
        return not bool(self.runs.changed(rows, codes).any())

    def is_certain(self, edges: Collection[Edge]) -> bool:
        """Tell whether a circuit that reproduces the model was run on every pair, or proven to."""
        return self._passed.get(frozenset(edges), False)

    def least_within(self, edges: Sequence[Edge]) -> list[frozenset[Edge]] | None:
        """Every minimal circuit that some edges hold; ``None`` if they are too many, or the search is given up.

        What was not run on every pair but only on a sample counts as reproducing the model (``is_certain``).
        """
        # An edge that carries a constant adds no choice to the search unless its source is disturbed, so that only
        # others count.
        varying = {t.edge for t in self.truths if t.structural and t.proof not in ("constant", "unread")}
        if len(varying.intersection(edges)) > _MOST_EDGES:
            return None
        budget = Budget(_NUMBERS, _SETS, self.runs.deadline)
        for _ in range(_ROUNDS):
            rows, puts = torch.tensor(list(self.pairs)).T
            try:
                found = minimal_sets(self.runs, edges, rows, puts, budget)
            except SearchTooLargeError:
                return None
            # A list, not a generator: each circuit that fails adds its pair, and the next round needs all of these.
            if all([self.reproduces(circuit) for circuit in found]):
                return found
        return None


def minimal_circuits(trials: CircuitTrials) -> tuple[Circuits, bool]:
    """Find the minimal circuits of a model.

    Args:
        trials: Runs of the model, with what is known of its edges.

    Returns:
        The circuits, smallest first, and whether they are known to be all.
    """
    found = trials.least_within(trials.readable)
    complete = found is not None and all(trials.is_certain(circuit) for circuit in found)
    position = {edge: index for index, edge in enumerate(trials.runs.graph.edges)}
    circuits = [tuple(sorted(edges, key=position.__getitem__)) for edges in found or _by_deletion(trials)]
    circuits.sort(key=lambda circuit: (len(circuit), [position[edge] for edge in circuit]))
    return tuple(circuits), complete


def _by_deletion(trials: CircuitTrials) -> list[frozenset[Edge]]:
    """Some minimal circuits, by leaving out edges in several orders until none can be left out.

    First those that no cut shows are left out before those that one does, in the graph's order; then at random.
    """
    live = {t.edge for t in trials.truths if t.status == "live"}
    # Live edges last, so that an edge that can be spared for them is spared.
    first = sorted(trials.readable, key=lambda edge: edge in live)
    rng = random.Random(0)
    found: set[frozenset[Edge]] = set()
    for order in (first, *(rng.sample(first, len(first)) for _ in range(_ORDERS - 1))):
        kept = _shrunk(trials, order)
        # One by one none can be left out; together some may, which a search among so few can often tell.
        found.update(trials.least_within(sorted(kept)) or [kept])
    # Of two orders one may end in a smaller part of where the other ends; only the smaller is minimal.
    return [kept for kept in found if not any(other < kept for other in found)]


def _shrunk(trials: CircuitTrials, order: Sequence[Edge]) -> frozenset[Edge]:
    """A circuit none of whose edges can be left out alone."""
    safe = kept = frozenset(order)
    while True:
        for edge in order:
            if edge in kept and trials.reproduces_first(kept - {edge}):
                kept -= {edge}
        if not trials.reproduces(kept):
            kept = safe  # the pair on which it fails is tried first from now on
        elif kept == safe:
            return kept
        else:
            safe = kept
