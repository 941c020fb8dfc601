"""Every minimal set of edges that gives a model's outputs on some pairs of inputs, without trying every set.

The nodes are gone through in the order in which they write. What is kept of the choices so far is not which edges were
kept but what came of them: the outputs that later nodes can read (a *state*). Two sets that lead to one state have the
same future, so that of these only those matter that hold no other one; an edge that carries what a cut would put there
need not be chosen at all. Nothing is assumed of sufficiency, which is not monotone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from groundtruth.compiled.forward import mix
from groundtruth.truth.circuits.deadline import Deadline
from groundtruth.truth.circuits.patched_runs import TOLERANCE, Rows, Runs, largest
from mib.graph import Edge, Place

Mask = int
"""A set of edges, one bit an edge."""

State = tuple[int, ...]
"""For each source that is still read, the number of the output that it has."""

Option = tuple[Mask, int]
"""Edges that are kept into a node, and the number of the output that it has then."""


_BATCH = 64
"""Outputs of a node that are computed at once."""

_COMPARISON = 30
"""Numbers that are computed in the time in which two sets of edges are compared."""


class SearchTooLargeError(Exception):
    """A search of minimal sets took more runs or held more sets than it may."""


@dataclass
class Budget:
    """How much a search may cost, counted so that every machine gives up at the same place.

    Attributes:
        numbers: Numbers that nodes compute on all pairs of the search; a comparison of two sets counts as some.
        sets: Sets of edges that are held at one time.
        deadline: When it ends besides, at a place that depends on the machine; ``None`` = never.
    """

    numbers: int
    sets: int
    deadline: Deadline | None = None

    def spend(self, numbers: int) -> None:
        """Take from what is left.

        Raises:
            SearchTooLargeError: If less is left.
            OutOfTimeError: If the seconds are over.
        """
        if self.deadline is not None:
            self.deadline.require_time()
        self.numbers -= numbers
        if self.numbers < 0:
            raise SearchTooLargeError

    def require(self, sets: int) -> None:
        """See that so many sets may be held.

        Raises:
            SearchTooLargeError: If they may not.
        """
        if sets > self.sets:
            raise SearchTooLargeError


def minimal_sets(runs: Runs, edges: Sequence[Edge], rows: Rows, puts: Rows, budget: Budget) -> list[frozenset[Edge]]:
    """Find every minimal set of edges that gives the model's outputs on some pairs, all other edges being cut.

    Args:
        runs: Full runs and what a cut edge carries.
        edges: Edges that may be kept.
        rows: The inputs [pair].
        puts: Values that cut edges carry with each [pair].
        budget: Bound on the cost.

    Raises:
        SearchTooLargeError: If it costs more.
    """
    # Without a kept path to the logits an edge changes no output, so that a set without it is smaller and gives the
    # same.
    useful = _leading_to_logits(edges)
    values = _Values(runs, useful, rows, puts)
    states: dict[State, list[Mask]] = {(0, 0): [0]}
    frontier = ["input", "pos"]
    *nodes, last = _nodes(runs, useful)
    for index, node in enumerate(nodes):
        later = {source for after in (*nodes[index + 1 :], last) for source in after.sources}
        states, frontier = _step(values, node, states, frontier, later, budget)
    found = _at_logits(values, last, states, frontier, budget)
    return [frozenset(edge for bit, edge in enumerate(useful) if mask >> bit & 1) for mask in found]


@dataclass(frozen=True)
class _Node:
    """A head, an MLP or the unembedding, with the edges into it that may be kept.

    Attributes:
        name: MIB's name.
        place: Place of the node.
        ends: For each destination of the node its name and the (bit, source) of each edge.
    """

    name: str
    place: Place
    ends: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({source for _, edges in self.ends for _, source in edges}))


def _leading_to_logits(edges: Iterable[Edge]) -> list[Edge]:
    """The edges from which a path leads to the logits: no other is in a minimal set."""
    left, before = list(edges), -1
    while len(left) != before:
        before = len(left)
        sources = {edge.source for edge in left} | {"logits"}
        left = [edge for edge in left if _node_of(edge.destination) in sources]
    return left


def _node_of(destination: str) -> str:
    return destination.split("<")[0]


def _nodes(runs: Runs, edges: Sequence[Edge]) -> list[_Node]:
    """The nodes that edges leave, and the logits, in the order in which they write."""
    graph, into = runs.graph, dict[str, list[tuple[int, str]]]()
    for bit, edge in enumerate(edges):
        into.setdefault(edge.destination, []).append((bit, edge.source))
    used = [source for source in graph.sources if source not in ("input", "pos")]
    used = [source for source in used if any(edge.source == source for edge in edges)]
    found: list[_Node] = []
    for name in [*used, "logits"]:
        place = graph.locate(name)
        ends = [f"{name}<{letter}>" for letter in "qkv"] if place.kind == "head" else [name]
        found.append(_Node(name, place, tuple((end, tuple(into.get(end, ()))) for end in ends)))
    return found


class _Values:
    """What each source can write on some pairs, numbered, as far as an edge that may be kept reads it.

    Outputs are held in coordinates of what is read of them; two that every such edge reads alike have one number.
    """

    def __init__(self, runs: Runs, edges: Sequence[Edge], rows: Rows, puts: Rows) -> None:
        self.runs, self.rows, self.puts = runs, rows, puts
        self._bases = {
            name: _basis([self._reading(edge.destination) for edge in edges if edge.source == name])
            for name in {edge.source for edge in edges}
        }
        self._put = {name: runs.replacement_outputs[name][puts] @ basis for name, basis in self._bases.items()}
        embedded = ((name, self._bases[name]) for name in ("input", "pos") if name in self._bases)
        self._values = {name: [runs.outputs[name][rows] @ basis] for name, basis in embedded}
        self._buckets: dict[str, dict[int, list[int]]] = {}
        self._seen: dict[tuple[str, bytes], int] = {}
        self._deltas: dict[tuple[str, str, int], Tensor | None] = {}
        self._cut: dict[str, Tensor] = {}
        self._out: dict[str, Tensor] = {}
        self._irregular: dict[str, Tensor] = {}

    @cached_property
    def n_positions(self) -> int:
        """Number of positions that a node is run at, over all pairs."""
        return len(self.rows) * self.runs.tokens.shape[1]

    def number(self, source: str, hidden: Tensor, w_out: Tensor) -> list[int]:
        """The numbers of some outputs; new ones for what was not seen before.

        Args:
            source: A head or an MLP.
            hidden: Hidden values that it writes through its last matrix [output, pair, position, hidden].
            w_out: Its last matrix [hidden, d_model].
        """
        if source not in self._out:
            self._out[source] = w_out @ self._bases[source]
        outputs = hidden @ self._out[source]
        known, buckets = self._values.setdefault(source, []), self._buckets.setdefault(source, {})
        numbers: list[int] = []
        flat = outputs.flatten(1)
        # Weighted by irregular numbers of at most 1, so that the same values in other places have another mean.
        if source not in self._irregular:
            self._irregular[source] = torch.arange(flat.shape[1], dtype=flat.dtype).cos() / flat.shape[1]
        sizes, means = flat.abs().amax(1).tolist(), (flat @ self._irregular[source]).tolist()
        bits = (outputs + 0.0).numpy()  # where -0 is 0
        for output, own, size, mean in zip(outputs, bits, sizes, means, strict=True):
            # Most outputs were seen before to the bit: looked up, not compared with all that are near.
            key = (source, own.tobytes())
            if key not in self._seen:
                self._seen[key] = self._nearest(known, buckets, output, size, mean)
            numbers.append(self._seen[key])
        return numbers

    @staticmethod
    def _nearest(known: list[Tensor], buckets: dict[int, list[int]], output: Tensor, size: float, mean: float) -> int:
        """The number of the first known output that is this one up to rounding, or else a new number."""
        # Rounding moves the mean by far less than a bucket, so that what is alike is in this one or beside it.
        tolerance = TOLERANCE * max(1.0, size)
        bucket = round(mean / (1e3 * TOLERANCE))
        near = (index for at in (bucket, bucket - 1, bucket + 1) for index in buckets.get(at, ()))
        same = next((index for index in near if largest(known[index] - output) <= tolerance), None)
        if same is None:
            same = len(known)
            known.append(output.clone())
            buckets.setdefault(bucket, []).append(same)
        return same

    def delta(self, source: str, destination: str, number: int) -> Tensor | None:
        """Return what keeping an edge changes of what is read, against cutting it; ``None`` if nothing."""
        key = (source, destination, number)
        if key not in self._deltas:
            matrix = self._bases[source].T @ self._reading(destination)
            own, put = self._values[source][number] @ matrix, self._put[source] @ matrix
            change = own - put
            # Then a set without the edge reads the same: with it none is minimal.
            idle = largest(change) <= TOLERANCE * max(1.0, largest(own), largest(put))
            self._deltas[key] = None if idle else change
        return self._deltas[key]

    def all_cut(self, destination: str) -> Tensor:
        """Return what a destination reads if every edge into it is cut [pair, position, read]."""
        if destination not in self._cut:
            graph = self.runs.graph
            count = graph.n_readable[graph.destination_index[destination]]
            put = self.runs.replacement_outputs
            # Every edge is cut here, also those that may not be kept: these stay cut in all sets.
            total = sum((put[name][self.puts] for name in graph.sources[:count]), torch.zeros(()))
            self._cut[destination] = total @ self._reading(destination)
        return self._cut[destination]

    def reads(
        self, destination: str, edges: Sequence[tuple[int, str]], view: Mapping[str, int], budget: Budget
    ) -> tuple[list[Mask], Tensor]:
        """All that a destination can read [choice, pair, position, read], and the edges kept in each choice."""
        masks, read = [0], self.all_cut(destination)[None]
        for bit, source in edges:
            if (change := self.delta(source, destination, view[source])) is not None:
                budget.require(len(masks) * 2)
                masks += [mask | 1 << bit for mask in masks]
                read = torch.cat([read, read + change])
        return masks, read

    def _reading(self, destination: str) -> Tensor:
        return self.runs.reading(self.runs.graph.locate(destination))


def _basis(matrices: Sequence[Tensor]) -> Tensor:
    joined = torch.cat([matrix / (largest(matrix) or 1.0) for matrix in matrices], dim=1)
    left, sizes, _ = torch.linalg.svd(joined, full_matrices=False)
    return left[:, sizes > 1e-10 * sizes.max()]


def _step(
    values: _Values,
    node: _Node,
    states: dict[State, list[Mask]],
    frontier: list[str],
    later: set[str],
    budget: Budget,
) -> tuple[dict[State, list[Mask]], list[str]]:
    """Let a node write: each state with each output that the node can have in it."""
    kept = [index for index, source in enumerate(frontier) if source in later]
    seen = [frontier.index(source) for source in node.sources]
    options: dict[State, list[Option]] = {}
    found: dict[State, list[Mask]] = {}
    held = 0
    for state, masks in states.items():
        view = tuple(state[index] for index in seen)
        if view not in options:
            options[view] = _outputs(values, node, dict(zip(node.sources, view, strict=True)), budget)
        rest = tuple(state[index] for index in kept)
        for added, output in options[view]:
            found.setdefault((*rest, output), []).extend(mask | added for mask in masks)
            held += len(masks)
            budget.require(held)
    # Sets of one state have one future: what completes a set completes any part of it that is here, so that no minimal
    # set is lost.
    return {state: least(masks, budget) for state, masks in found.items()}, [*(frontier[i] for i in kept), node.name]


def _outputs(values: _Values, node: _Node, view: Mapping[str, int], budget: Budget) -> list[Option]:
    """Each output that a node can have, with the least sets of edges into it that give it."""
    w, layer = values.runs.weights, node.place.layer
    by_output: dict[int, list[Mask]] = {}
    choices = [values.reads(end, edges, view, budget) for end, edges in node.ends]
    w_out = w.W_out[layer] if node.place.kind == "mlp" else w.W_O[layer, node.place.head]
    # Spent before it is computed: the count is of shapes alone, so that every machine gives up at the same place.
    budget.spend(math.prod(len(masks) for masks, _ in choices) * values.n_positions * len(w_out))
    # The edges of different letters are different bits, so that their sum is their union.
    masks = [sum(chosen) for chosen in product(*(masks for masks, _ in choices))]
    picked = torch.cartesian_prod(*(torch.arange(len(own)) for own, _ in choices)).reshape(len(masks), -1)
    for start in range(0, len(masks), _BATCH):
        reads = [read[picked[start : start + _BATCH, i]] for i, (_, read) in enumerate(choices)]
        hidden = reads[0].relu() if node.place.kind == "mlp" else mix(w, *reads)
        for mask, output in zip(masks[start:], values.number(node.name, hidden, w_out), strict=False):
            by_output.setdefault(output, []).append(mask)
    return [(mask, output) for output, own in by_output.items() for mask in least(own, budget)]


def _at_logits(
    values: _Values, node: _Node, states: dict[State, list[Mask]], frontier: list[str], budget: Budget
) -> list[Mask]:
    """The least sets whose logits decode to what the model gives on every pair."""
    seen = [frontier.index(source) for source in node.sources]
    passing: dict[State, list[Mask]] = {}
    found: list[Mask] = []
    for state, masks in states.items():
        view = tuple(state[index] for index in seen)
        if view not in passing:
            choices, read = values.reads(*node.ends[0], dict(zip(node.sources, view, strict=True)), budget)
            budget.spend(len(choices) * values.n_positions * read.shape[-1])
            rows = values.rows.repeat(len(choices))
            # Judged by what is decoded, as circuits are: logits may differ.
            wrong = values.runs.changed(rows, values.runs.decoder.codes(read.flatten(0, 1))).reshape(len(choices), -1)
            right = (~wrong.any(1)).tolist()
            passing[view] = least([mask for mask, fits in zip(choices, right, strict=True) if fits], budget)
        found += [mask | added for added in passing[view] for mask in masks]
        budget.require(len(found))
    return least(found, budget)


def least(masks: Iterable[Mask], budget: Budget) -> list[Mask]:
    """The sets that hold no other of the sets, smallest first.

    Raises:
        SearchTooLargeError: If comparing them costs more than is left.
    """
    found: list[Mask] = []
    # Smallest first: a set can only hold sets that come before it, so that one pass finds the least.
    for mask in sorted(set(masks), key=lambda mask: (mask.bit_count(), mask)):
        budget.spend(_COMPARISON * len(found))
        if not any(smaller & mask == smaller for smaller in found):
            found.append(mask)
    return found
