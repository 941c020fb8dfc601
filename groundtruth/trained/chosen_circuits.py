"""The minimal circuits of a trained network, whether one was planned or not.

Sufficiency is not monotone, so live edges are in question too: a set without some of them may suffice. Where few edges
can matter every set of them is tried, most of them on a few pairs of inputs that they fail on; what passes these is run
on every pair. Else edges are left out until none can be, and again without each edge of what was found.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from groundtruth.trained.certificate import EdgeRecord
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.domain_runs import DomainRuns
from groundtruth.truth.circuits.circuit import Ablation, Sufficiency
from mib.graph import Edge, Graph

MOST_EDGES = 16
"""With at most this many edges that can matter every set of them is tried."""

_ORDERS = 4
"""Else edges are left out in so many orders, of which each gives a minimal circuit."""

_MOST_TRIED = 200
"""Then circuits are looked for without so many sets of edges at most, each of which has an edge of all found so far."""

_MOST_FOUND = 8
"""Number of deletions of edges until none can be left out, at most: 302 edges take some ten seconds each time."""

_MOST_CUTS = 2**22
"""Every set of some edges is tried where so many sets times edges of the graph are at most: of 16 of 37 edges, of 13 of
302."""

_PAIRED_EDGES = 24
"""Largest number of edges of which any two are left out together too: of two that cancel each other neither can be
alone."""

_FIRST_PAIRS = 8
"""Number of random pairs that every set is tried on first."""

_ROWS = 1024
"""Sets that are run together."""

Circuits = tuple[tuple[Edge, ...], ...]
Pair = tuple[int, int]


def open_edges(graph: Graph, records: Sequence[EdgeRecord]) -> tuple[Edge, ...]:
    """The edges that a minimal circuit can have.

    An absent edge is read by nothing, and an embedding that carries what a cut puts there is that whatever else is cut;
    a head or an MLP may be constant on every input and not where some of its edges are cut. No minimal circuit has an
    edge from which no path of edges that are read leads to the logits.
    """
    # An absent edge carries nothing that is read. What an embedding writes depends on the input alone, so if it is
    # constant it is so in every circuit.
    left = [
        record.edge
        for record in records
        if record.status != "absent" and not (record.proof == "constant" and record.edge.source in ("input", "pos"))
    ]
    before = -1
    # Until nothing changes: an edge that goes may have been the last that its source was heard by.
    while len(left) != before:
        before = len(left)
        heard = {edge.source for edge in left} | {"logits"}
        left = [edge for edge in left if edge.destination.split("<")[0] in heard]
    kept = set(left)
    return tuple(edge for edge in graph.edges if edge in kept)


@dataclass
class CircuitTrials:
    """Runs of a network in which all edges but some are cut.

    Attributes:
        runs: The network on its whole domain.
        ablation: Kind of ablation of cut edges.
        first_wrong: Runs a set of cuts on every pair, and tells the first pair on which the output changes.
        pairs: Pairs that every set is tried on first: some at random, and those that other sets failed on.
    """

    runs: DomainRuns
    ablation: Ablation
    first_wrong: Callable[[Sequence[Edge]], Pair | None]
    pairs: list[Pair] = field(default_factory=list[Pair], init=False)

    def __post_init__(self) -> None:
        # A fixed seed, whatever the certificate's: these pairs only sort out early what fails, and every claim is run
        # on all.
        generator, n = torch.Generator().manual_seed(0), len(self.runs)
        sizes = (n, n if self.ablation == "resample" else 1)
        drawn = [torch.randint(size, (_FIRST_PAIRS,), generator=generator).tolist() for size in sizes]
        self.pairs = list(dict.fromkeys(zip(*drawn, strict=True)))

    def search(
        self, records: Sequence[EdgeRecord], *, n_pairs: int, planned: Collection[Edge] = ()
    ) -> tuple[Sufficiency, Circuits, bool]:
        """Find minimal circuits.

        Args:
            records: Each edge with its status.
            n_pairs: Number of pairs of inputs.
            planned: Edges within which circuits are looked for, if these suffice together; else among the live ones, or
                both. None: no circuit was planned, and all edges are looked at.

        Returns:
            Whether the live edges suffice, minimal circuits, the smallest first, and whether they are all.
        """
        edges = open_edges(self.runs.graph, records)
        live = [record.edge for record in records if record.status == "live"]
        alone = Sufficiency(self.failing_pair(live) is None, "exhaustive", n_pairs)
        # Only this way proves that there are no other minimal circuits; the others find some.
        if len(edges) <= MOST_EDGES:
            return alone, _in_order(self._within(edges), self.runs.graph), True
        if not planned:
            return alone, _in_order(self._by_deletion(edges), self.runs.graph), False
        # The plan first: under resampling it is known to suffice by now, and its few edges keep the search short.
        held = self._first_sufficient(edges, (planned, live, {*planned, *live})) or edges
        return alone, _in_order(self._minimal_within(held), self.runs.graph), False

    def _first_sufficient(self, edges: Sequence[Edge], sets: Iterable[Collection[Edge]]) -> tuple[Edge, ...] | None:
        """Find the first of some sets that suffices by itself, without the edges that no minimal circuit can have."""
        for one in sets:
            if self.failing_pair(one) is None:
                return tuple(edge for edge in edges if edge in set(one))
        return None

    def _minimal_within(self, edges: Sequence[Edge]) -> Iterable[frozenset[Edge]]:
        """Minimal circuits that some edges hold: all of them where they are few."""
        return self._within(edges) if self._are_few(edges) else self._by_deletion(edges)

    def _are_few(self, edges: Collection[Edge], *, times: int = 1) -> bool:
        """Tell whether every set of some edges can be tried, and that so many times."""
        return times * 2 ** len(edges) * len(self.runs.graph.edges) <= _MOST_CUTS

    def _within(self, edges: Sequence[Edge]) -> list[frozenset[Edge]]:
        """Every minimal circuit that some edges hold, by trying every set of them."""
        left = torch.arange(2 ** len(edges))
        sizes = (left[:, None] >> torch.arange(len(edges)) & 1).sum(1)
        # The smallest first, so that a set that suffices is minimal: of its subsets all were tried before it.
        left = left[sizes.sort(stable=True).indices]
        for pair in self.pairs:
            left = left[self._passes(left, edges, pair)]
        found: list[frozenset[Edge]] = []
        while len(left):
            bits = int(left[0])
            circuit = frozenset(edge for index, edge in enumerate(edges) if bits >> index & 1)
            if (pair := self.failing_pair(circuit)) is None:
                found.append(circuit)
                # What holds a minimal circuit is not minimal, whether it suffices or not.
                left = left[left & bits != bits]
            else:
                left = left[1:]  # by itself, lest two ways of rounding disagree on it for ever
                left = left[self._passes(left, edges, pair)]
        return found

    def _by_deletion(self, edges: Sequence[Edge]) -> Iterator[frozenset[Edge]]:
        """Minimal circuits, found by leaving edges out: in several orders, and without an edge of each that was found.

        Were sufficiency monotone, the second would give all (Reiter 1987, https://doi.org/10.1016/0004-3702(87)90062-2):
        a circuit other than those found lacks an edge of each. It is not, so they are some.
        """
        found: list[frozenset[Edge]] = []

        def found_in(order: Sequence[Edge]) -> Iterator[frozenset[Edge]]:
            held = self._left_of(order)
            if held not in found:
                found.append(held)
                # None can be left out, nor two of at most _PAIRED_EDGES; that no smaller set suffices takes every set.
                few = self._are_few(held, times=_MOST_FOUND)
                yield from self._within([edge for edge in edges if edge in held]) if few else [held]

        # In the order of the graph alone early edges would always go first: of two that stand in for each other the
        # same one would stay each time.
        for seed in range(_ORDERS):
            yield from found_in(random.Random(seed).sample(list(edges), len(edges)))
        # First in, first out: with few edges forbidden a circuit is most likely left, so the bounds are spent where
        # they help.
        waiting, seen = deque([frozenset[Edge]()]), set[frozenset[Edge]]()
        while waiting and len(seen) < _MOST_TRIED and len(found) < _MOST_FOUND:
            without = waiting.popleft()
            if without in seen:
                continue
            seen.add(without)
            if all(without & circuit for circuit in found):
                rest = [edge for edge in edges if edge not in without]
                if self.failing_pair(rest) is not None:
                    continue
                yield from found_in(rest)
            # The set grows by an edge of a circuit that it does not hit yet; once it hits all, the next search cannot
            # find one that is known.
            held = next((circuit for circuit in found if not without & circuit), None)
            waiting.extend(without | {edge} for edge in edges if held and edge in held)

    def _left_of(self, edges: Sequence[Edge]) -> frozenset[Edge]:
        """Leave out of edges that suffice all that can be, by ones and then by twos, and return the rest."""
        kept, before = frozenset(edges), -1
        # Again after each change: sufficiency is not monotone, so an edge that was needed may not be once others are
        # gone.
        while len(kept) != before:
            before = len(kept)
            kept = self._without(kept, [(edge,) for edge in edges if edge in kept])
            left = [edge for edge in edges if edge in kept]
            if len(left) <= _PAIRED_EDGES:
                kept = self._without(kept, self._not_refuted(kept, list(itertools.combinations(left, 2))))
        return kept

    def _without(self, kept: frozenset[Edge], parts: Iterable[tuple[Edge, ...]]) -> frozenset[Edge]:
        """Leave each of some parts out of a circuit that then can be, one after the other, and return the rest."""
        for part in parts:
            if kept.issuperset(part) and self.failing_pair(kept.difference(part)) is None:
                kept = kept.difference(part)
        return kept

    def _not_refuted(self, kept: Collection[Edge], parts: Sequence[tuple[Edge, ...]]) -> list[tuple[Edge, ...]]:
        """Pick the parts without which a circuit is right on all pairs that others failed on; they are run together."""
        left = list(parts)
        for pair in self.pairs:
            if left:
                cut = torch.stack([1.0 - self._mask_of(set(kept).difference(part)) for part in left])
                left = [part for part, stays in zip(left, self._stays(cut, [pair]).tolist(), strict=True) if stays]
        return left

    def failing_pair(self, kept: Collection[Edge]) -> Pair | None:
        """A pair on which the output changes if all other edges are cut; it is remembered."""
        mask = self._mask_of(kept)[None]
        # Pairs that refuted other sets come first: most sets fail on one of these few, and none of those is run on all
        # pairs.
        if len(wrong := torch.nonzero(~self._stays(1.0 - mask, self.pairs))[:, 0]):
            return self.pairs[int(wrong[0])]
        failing = self.first_wrong([edge for edge in self.runs.graph.edges if edge not in set(kept)])
        if failing is not None:
            self.pairs.append(failing)
        return failing

    def _passes(self, sets: Int[Tensor, "set"], edges: Sequence[Edge], pair: Pair) -> Bool[Tensor, "set"]:
        """Tell whether the output on one pair stays with all edges but those of a set cut.

        Args:
            sets: One bit an edge.
            edges: The edges that the bits stand for.
            pair: Numbers of the input and the donor.
        """
        kept = torch.stack([self._mask_of([]), *(self._mask_of([edge]) for edge in edges)])[1:]
        passes = [torch.zeros(0, dtype=torch.bool)]
        for some in sets.split(_ROWS):
            # In float64 throughout: few pairs are run, and a set that is sorted out here is never looked at again.
            chosen = (some[:, None] >> torch.arange(len(edges)) & 1).double()
            passes.append(self._stays(1.0 - torch.einsum("rb,bsd->rsd", chosen, kept), [pair]))
        return torch.cat(passes)

    def _mask_of(self, edges: Collection[Edge]) -> Float[Tensor, "source destination"]:
        """1 at each of some edges."""
        mask = torch.zeros(self.runs.graph.edge_mask.shape, dtype=torch.float64)
        for edge in edges:
            mask[self.runs.graph.index(edge)] = 1.0
        return mask

    @torch.no_grad()
    def _stays(self, cut: Float[Tensor, "#row source destination"], pairs: Sequence[Pair]) -> Bool[Tensor, "row"]:
        """Tell whether the output stays with each of some sets of edges cut on one pair, or one set on several."""
        runs, n_rows = self.runs, max(len(cut), len(pairs))
        inputs, donors = torch.tensor(pairs).T
        put = runs.replacements(self.ablation, runs.double)[:, donors].expand(-1, n_rows, -1, -1)
        ids = runs.ids[inputs].expand(n_rows, -1)
        logits = forward(runs.shape, runs.double.weights, ids, Cut(put, cut)).logits[:, 1:]
        return (runs.network.decoder.codes(logits) == runs.codes[inputs, 1:]).all(1)


def _in_order(sets: Iterable[frozenset[Edge]], graph: Graph) -> Circuits:
    """Circuits that hold no other, with their edges in the order of the graph, the smallest first."""
    position = {edge: index for index, edge in enumerate(graph.edges)}
    every = set(sets)
    # By deletion a circuit may be found that holds another: single steps cannot always reach the smaller one.
    least = [circuit for circuit in every if not any(other < circuit for other in every)]
    ordered = (tuple(sorted(circuit, key=position.__getitem__)) for circuit in least)
    return tuple(sorted(ordered, key=lambda circuit: (len(circuit), [position[edge] for edge in circuit])))
