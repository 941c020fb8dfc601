"""The computation graph of a transformer, in MIB's names, and scores of its edges and nodes.

Sources write to the residual stream: ``input`` (token embedding), optionally ``pos`` (position embedding),
``a{layer}.h{head}`` and ``m{layer}``. Destinations read from it: ``a{layer}.h{head}<q|k|v>``, ``m{layer}`` and
``logits``. An edge joins a source to every later destination.

Source of the names: EAP-IG (https://github.com/hannamw/EAP-IG) and MIB (https://arxiv.org/abs/2504.13151).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mib.counted_nouns import layers_by_heads
from mib.errors import GraphError, ScoreError, did_you_mean, shorten

Letter = Literal["q", "k", "v"]
LETTERS: tuple[Letter, ...] = ("q", "k", "v")

_HEAD = re.compile(r"a(\d+)\.h(\d+)(?:<([qkv])>)?")
_MLP = re.compile(r"m(\d+)")

S = TypeVar("S")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """What flows from one component to another through the residual stream.

    Attributes:
        source: Name of the node that writes, such as ``input`` or ``a0.h1``.
        destination: Name of the node that reads, such as ``a2.h0<v>``, ``m1`` or ``logits``.
    """

    source: str
    destination: str

    def __str__(self) -> str:
        return f"{self.source}->{self.destination}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read MIB's name of an edge, such as ``input->a3.h0<v>``.

        Raises:
            GraphError: If the name is not two node names joined by ``->``.
        """
        parts = name.split("->")
        if len(parts) != 2 or not all(parts):
            raise GraphError(f"'{name}' is not an edge. Write it as 'source->destination', like 'a0.h1->m2'.")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node sits.

    Attributes:
        kind: Kind of the node.
        layer: Its layer; -1 for embeddings, the number of layers for ``logits``.
        head: Its head; -1 where there is none.
        letter: Input of the head that a destination is; empty elsewhere.
    """

    kind: Literal["input", "pos", "head", "mlp", "logits"]
    layer: int
    head: int = -1
    letter: Literal["q", "k", "v", ""] = ""


@dataclass(frozen=True)
class Graph:
    """All nodes and edges of one transformer architecture.

    Attributes:
        n_layers: Number of blocks.
        n_heads: Query heads a block (grouped-query models count each query head).
        d_model: Width of the residual stream.
        parallel: True if attention and MLP of a block read the same residual stream, so that no edge joins them.
        pos: True if the position embedding is a source of its own, ``pos``; MIB leaves it out.
    """

    n_layers: int
    n_heads: int
    d_model: int
    parallel: bool = False
    pos: bool = False

    def __post_init__(self) -> None:
        for name in ("n_layers", "n_heads", "d_model"):
            value = getattr(self, name)
            if value < (0 if name == "n_layers" else 1):
                raise GraphError(f"Graph({name}={value}) is too small; it counts parts of a transformer.")

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Names of the nodes that write, in the order of the forward pass."""
        names = ["input", "pos"] if self.pos else ["input"]
        for layer in range(self.n_layers):
            names += [f"a{layer}.h{head}" for head in range(self.n_heads)]
            names.append(f"m{layer}")
        return tuple(names)

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """Names of the nodes that read: per layer all q, all k, all v, the MLP; at last ``logits``."""
        names: list[str] = []
        for layer in range(self.n_layers):
            names += [f"a{layer}.h{head}<{letter}>" for letter in LETTERS for head in range(self.n_heads)]
            names.append(f"m{layer}")
        return (*names, "logits")

    @cached_property
    def source_index(self) -> Mapping[str, int]:
        """Row of each source."""
        return {name: index for index, name in enumerate(self.sources)}

    @cached_property
    def destination_index(self) -> Mapping[str, int]:
        """Column of each destination."""
        return {name: index for index, name in enumerate(self.destinations)}

    @cached_property
    def n_readable(self) -> NDArray[np.int64]:
        """For each destination, how many sources (a prefix of ``sources``) come before it."""
        return np.array([self._count_before(name) for name in self.destinations], dtype=np.int64)

    @cached_property
    def edge_mask(self) -> NDArray[np.bool_]:
        """Return which [source, destination] pairs are edges."""
        mask = np.arange(len(self.sources))[:, None] < self.n_readable[None, :]
        mask.setflags(write=False)
        return mask

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge, by source and then by destination."""
        rows, columns = np.nonzero(self.edge_mask)
        return tuple(Edge(self.sources[s], self.destinations[d]) for s, d in zip(rows, columns, strict=True))

    @cached_property
    def edge_index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of ``edges`` in a [source, destination] array."""
        rows, columns = np.nonzero(self.edge_mask)
        return rows, columns

    def locate(self, node: str) -> Place:
        """Return where a node sits.

        Raises:
            GraphError: If the graph has no such node.
        """
        if node not in self._places:
            raise GraphError(f"unknown node '{node}'.{did_you_mean(node, self._places)} This graph has {self._size()}.")
        return self._places[node]

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        """Place of each node: proofs ask a thousand times a second."""
        return {name: self._place(name) for name in (*self.sources, *self.destinations)}

    def _place(self, node: str) -> Place:
        if node == "input" or node == "pos":
            return Place(node, -1)
        if node == "logits":
            return Place("logits", self.n_layers)
        if match := _MLP.fullmatch(node):
            return Place("mlp", int(match[1]))
        match = _HEAD.fullmatch(node)
        assert match is not None  # noqa: S101 - the node is one of the names above
        letter = match[3] or ""
        return Place("head", int(match[1]), int(match[2]), letter)  # pyright: ignore[reportArgumentType]

    def index(self, edge: Edge | str) -> tuple[int, int]:
        """Row and column of an edge.

        Raises:
            GraphError: If the graph has no such edge.
        """
        edge = Edge.parse(edge) if isinstance(edge, str) else edge
        row = self.source_index.get(edge.source)
        column = self.destination_index.get(edge.destination)
        if row is None:
            raise GraphError(f"edge '{edge}': unknown source '{edge.source}'.{did_you_mean(edge.source, self.sources)}")
        if column is None:
            raise GraphError(
                f"edge '{edge}': unknown destination '{edge.destination}'."
                f"{did_you_mean(edge.destination, self.destinations)}"
            )
        if not self.edge_mask[row, column]:
            raise GraphError(f"edge '{edge}' does not exist: '{edge.source}' writes after '{edge.destination}'.")
        return row, column

    def _count_before(self, destination: str) -> int:
        place = self.locate(destination)
        embeddings = 2 if self.pos else 1
        # Sources are listed as they are computed, so whatever a destination can read is a prefix of them.
        if place.kind == "mlp" and not self.parallel:
            return embeddings + place.layer * (self.n_heads + 1) + self.n_heads
        return embeddings + place.layer * (self.n_heads + 1)

    def _size(self) -> str:
        return layers_by_heads(self.n_layers, self.n_heads)


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """One number an edge: how much it matters. Signed or not; a higher magnitude is more important.

    Attributes:
        graph: The edges that are scored.
        values: float64 [source, destination]; NaN where there is no edge, or where an edge has no score. Given as
            such an array, as a flat array in the order of ``graph.edges``, or as a mapping from edges or their
            names to numbers.
    """

    graph: Graph
    values: NDArray[np.float64]

    def __init__(self, graph: Graph, values: ArrayLike | Mapping[Edge | str, float] | Mapping[str, float]) -> None:
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "values", _edge_array(graph, values))

    @property
    def flat(self) -> NDArray[np.float64]:
        """Scores in the order of ``graph.edges``."""
        return self.values[self.graph.edge_index]

    def __getitem__(self, edge: Edge | str) -> float:
        return float(self.values[self.graph.index(edge)])

    def __repr__(self) -> str:
        best = ", ".join(f"{edge} {score:.3g}" for edge, score in self.top(3))
        n_missing = int(np.isnan(self.flat).sum())
        missing = f", {n_missing} without a score" if n_missing else ""
        return f"EdgeScores({len(self.graph.edges)} edges{missing}; {best or 'none scored'})"

    def _repr_html_(self) -> str:
        """Table of the best edges, for notebooks."""
        rows = "".join(f"<tr><td>{escape(str(edge))}</td><td>{score:.4g}</td></tr>" for edge, score in self.top(10))
        caption = f"{min(10, len(self.graph.edges))} best of {len(self.graph.edges)} edges, by magnitude"
        return f"<table><caption>{caption}</caption><tr><th>edge</th><th>score</th></tr>{rows}</table>"

    def top(self, n: int) -> list[tuple[Edge, float]]:
        """The most important edges and their scores, the most important first.

        Args:
            n: Number of edges, at most; those without a score are never among them. Equal magnitudes keep the order of
                ``graph.edges``.

        Raises:
            ScoreError: If ``n`` is negative.
        """
        if n < 0:
            raise ScoreError(f"n={n}: ask for 0 edges or more.")
        scores = self.flat
        # NaN sorts last whatever its sign, and is cut off; a stable sort keeps ties in the order of the graph.
        order = np.argsort(-np.abs(scores), kind="stable")[: min(n, int((~np.isnan(scores)).sum()))]
        return [(self.graph.edges[place], float(scores[place])) for place in order]

    def as_dict(self) -> dict[str, float]:
        """MIB's edge names and their scores."""
        return {str(edge): float(value) for edge, value in zip(self.graph.edges, self.flat, strict=True)}

    def require_complete(self, *, by: str = "the method") -> Self:
        """Return these scores, or say which edges have none.

        Args:
            by: Whom to name in the error.

        Raises:
            ScoreError: If a score is missing, NaN or infinite, naming the first such edges.
        """
        return _require_complete(self, self.flat, [str(e) for e in self.graph.edges], "edge", by)


@dataclass(frozen=True, eq=False)
class NodeScores:
    """One number a source node.

    Attributes:
        graph: The nodes that are scored.
        values: float64 [source], NaN where a node has no score.
    """

    graph: Graph
    values: NDArray[np.float64]

    def __init__(self, graph: Graph, values: ArrayLike | Mapping[str, float]) -> None:
        object.__setattr__(self, "graph", graph)
        if isinstance(values, Mapping):
            unknown = [name for name in values if name not in graph.source_index]
            if unknown:
                raise ScoreError(
                    f"scores for unknown nodes {shorten(unknown)}.{did_you_mean(unknown[0], graph.sources)}"
                )
            values = [float(values.get(name, np.nan)) for name in graph.sources]
        array = _as_numbers(values, "node")
        if array.shape != (len(graph.sources),):
            raise ScoreError(f"node scores have shape {array.shape}; expected [{len(graph.sources)}], one a source.")
        object.__setattr__(self, "values", array)

    def __getitem__(self, node: str) -> float:
        return float(self.values[self.graph.source_index[node]])

    def as_dict(self) -> dict[str, float]:
        """Node names and their scores."""
        return {name: float(value) for name, value in zip(self.graph.sources, self.values, strict=True)}

    def require_complete(self, *, by: str = "the method") -> Self:
        """Return these scores, or say which nodes have none.

        Raises:
            ScoreError: If a score is missing, NaN or infinite, naming the first such nodes.
        """
        return _require_complete(self, self.values, self.graph.sources, "node", by)


@dataclass(frozen=True, eq=False)
class NeuronScores:
    """One number a residual dimension of each source node's output, as MIB scores neurons.

    Attributes:
        graph: The nodes whose outputs are scored.
        values: float64 [source, d_model], NaN where a neuron has no score.
    """

    graph: Graph
    values: NDArray[np.float64]

    def __init__(self, graph: Graph, values: ArrayLike) -> None:
        object.__setattr__(self, "graph", graph)
        array = _as_numbers(values, "neuron")
        expected = (len(graph.sources), graph.d_model)
        if array.shape != expected:
            raise ScoreError(f"neuron scores have shape {array.shape}; expected {expected}: [source, d_model].")
        object.__setattr__(self, "values", array)

    def require_complete(self, *, by: str = "the method") -> Self:
        """Return these scores, or say which neurons have none.

        Raises:
            ScoreError: If a score is missing, NaN or infinite, naming the first such neurons.
        """
        names = [f"{node}[{i}]" for node in self.graph.sources for i in range(self.graph.d_model)]
        return _require_complete(self, self.values.ravel(), names, "neuron", by)


def _edge_array(graph: Graph, values: object) -> NDArray[np.float64]:
    shape = (len(graph.sources), len(graph.destinations))
    array = np.full(shape, np.nan)
    if isinstance(values, Mapping):
        for edge, value in values.items():
            array[graph.index(edge)] = float(value)
        return array
    given = _as_numbers(values, "edge")
    if given.shape == shape:
        return np.where(graph.edge_mask, given, np.nan)
    if given.ndim == 1 and len(given) == len(graph.edges):
        array[graph.edge_index] = given
        return array
    raise ScoreError(
        f"edge scores have shape {given.shape}; expected [{shape[0]}, {shape[1]}] (source, destination), "
        f"[{len(graph.edges)}] (in the order of graph.edges), or a mapping from edge names to numbers."
    )


def _as_numbers(values: object, kind: str) -> NDArray[np.float64]:
    """A copy in double precision, of an array or of a tensor of any dtype on any device.

    Raises:
        ScoreError: If it holds anything but real numbers.
    """
    given: Any = values
    if hasattr(given, "detach"):  # a tensor: numpy knows neither bfloat16 nor a GPU. Not every device has doubles
        given = given.detach().cpu().double().numpy()
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScoreError(
            f"{kind} scores are a {type(values).__name__} of something else than numbers ({error}). Give one tensor, "
            "one array, or a mapping from names to numbers."
        ) from error


def _require_complete(scores: S, values: NDArray[np.float64], names: Iterable[str], kind: str, by: str) -> S:
    labels = list(names)
    bad = [label for label, value in zip(labels, values, strict=True) if not np.isfinite(value)]
    if bad:
        raise ScoreError(
            f"{by}: no finite score for {len(bad)} of {len(labels)} {kind}s: {shorten(bad)}. "
            f'Score every {kind} (0.0 for "not important").'
        )
    return scores
