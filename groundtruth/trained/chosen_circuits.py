"""The minimal circuits of a network for which none was planned, or of one in which a component backs up another.

Sufficiency is not monotone, so live edges are in question too: a set without some of them may suffice. Where few edges
can matter every set of them is tried, most of them on a few pairs of inputs that they fail on; what passes these is run
on every pair. Else edges are left out in several orders until no one can be, and the sets within what is left tried.
"""

from __future__ import annotations

import random
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
"""Else edges are left out in so many orders, of which each gives some minimal circuits."""

_FEW_EDGES = 12
"""Where at most this many are left then, every set of them is tried too."""

_FIRST_PAIRS = 8
"""So many pairs are drawn that every set is tried on first."""

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
    left = [
        record.edge
        for record in records
        if record.status != "absent" and not (record.proof == "constant" and record.edge.source in ("input", "pos"))
    ]
    before = -1
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
        ablation: What cut edges carry.
        first_wrong: Runs a set of cuts on every pair, and tells the first pair on which the output changes.
        pairs: Those that every set is tried on first: some at random, and those that other sets failed on.
    """

    runs: DomainRuns
    ablation: Ablation
    first_wrong: Callable[[Sequence[Edge]], Pair | None]
    pairs: list[Pair] = field(default_factory=list[Pair], init=False)

    def __post_init__(self) -> None:
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
            n_pairs: How many pairs of inputs there are.
            planned: Edges within which circuits are looked for, if these suffice together; none = all edges.

        Returns:
            Whether the live edges suffice, minimal circuits, the smallest first, and whether they are all.
        """
        edges = open_edges(self.runs.graph, records)
        live = [record.edge for record in records if record.status == "live"]
        alone = Sufficiency(self._failing_pair(live) is None, "exhaustive", n_pairs)
        held = edges
        if planned and self._failing_pair(planned) is None:
            held = tuple(edge for edge in edges if edge in set(planned))
        few = len(held) <= MOST_EDGES
        sets = self._within(held) if few else self._by_deletion(held)
        return alone, _in_order(sets, self.runs.graph), few and held == edges

    def _within(self, edges: Sequence[Edge]) -> list[frozenset[Edge]]:
        """Every minimal circuit that some edges hold, by trying every set of them."""
        left = torch.arange(2 ** len(edges))
        sizes = (left[:, None] >> torch.arange(len(edges)) & 1).sum(1)
        left = left[sizes.sort(stable=True).indices]
        for pair in self.pairs:
            left = left[self._passes(left, edges, pair)]
        found: list[frozenset[Edge]] = []
        while len(left):
            bits = int(left[0])
            circuit = frozenset(edge for index, edge in enumerate(edges) if bits >> index & 1)
            if (pair := self._failing_pair(circuit)) is None:
                found.append(circuit)
                left = left[left & bits != bits]
            else:
                left = left[1:]  # by itself, lest two ways of rounding disagree on it for ever
                left = left[self._passes(left, edges, pair)]
        return found

    def _by_deletion(self, edges: Sequence[Edge]) -> Iterator[frozenset[Edge]]:
        """Minimal circuits, some for each of several orders in which edges are left out."""
        for seed in range(_ORDERS):
            order = random.Random(seed).sample(list(edges), len(edges))
            kept, before = set(edges), -1
            while len(kept) != before:
                before = len(kept)
                for edge in order:
                    if edge in kept and self._failing_pair(kept - {edge}) is None:
                        kept.discard(edge)
            held = [edge for edge in edges if edge in kept]
            yield from self._within(held) if len(held) <= _FEW_EDGES else [frozenset(held)]

    def _failing_pair(self, kept: Collection[Edge]) -> Pair | None:
        """A pair on which the output changes if all other edges are cut; it is remembered."""
        mask = self._mask_of(kept)[None]
        if len(wrong := torch.nonzero(~self._stays(1.0 - mask, self.pairs))[:, 0]):
            return self.pairs[int(wrong[0])]
        failing = self.first_wrong([edge for edge in self.runs.graph.edges if edge not in set(kept)])
        if failing is not None:
            self.pairs.append(failing)
        return failing

    def _passes(self, sets: Int[Tensor, "set"], edges: Sequence[Edge], pair: Pair) -> Bool[Tensor, "set"]:
        """Whether the output on one pair stays with all edges but those of a set cut.

        Args:
            sets: One bit an edge.
            edges: The edges that the bits stand for.
            pair: Numbers of the input and the donor.
        """
        kept = torch.stack([self._mask_of([]), *(self._mask_of([edge]) for edge in edges)])[1:]
        passes = [torch.zeros(0, dtype=torch.bool)]
        for some in sets.split(_ROWS):
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
        """Whether the output stays: with each of several sets of edges cut on one pair, or with one set on several."""
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
    least = [circuit for circuit in every if not any(other < circuit for other in every)]
    ordered = (tuple(sorted(circuit, key=position.__getitem__)) for circuit in least)
    return tuple(sorted(ordered, key=lambda circuit: (len(circuit), [position[edge] for edge in circuit])))
