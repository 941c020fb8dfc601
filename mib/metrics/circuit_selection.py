"""Which circuits a ranking stands for: the best n edges, nodes or neurons, pruned to what is connected.

Every function returns many circuits at once, one for each size that is asked for. Ties are broken by position: of
equal scores the edge that comes first in ``graph.edges`` (by source, then by destination) is the better one, and of
nodes and neurons the one with the earlier source. An unscored part (NaN) is always kept and does not count.

Source: ``Graph.apply_topn``, ``apply_greedy`` and ``prune`` of EAP-IG
(https://github.com/hannamw/EAP-IG/blob/main/src/eap/graph.py). On purpose, node and neuron circuits here have no
edges that the graph has not; the reference adds them.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError, did_you_mean
from mib.graph import EdgeScores, Graph, NeuronScores
from mib.levels import Scores

Ranking = Literal["signed", "absolute"]
RANKINGS: tuple[Ranking, ...] = get_args(Ranking)
Selection = Literal["top-n", "greedy"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)

MAX_SIZES = 129
"""Sizes at most that areas are measured at by default; a graph with fewer edges is measured at every size."""

MIB_FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The shares of the edges, nodes or neurons at which MIB evaluates a ranking."""


@dataclass(frozen=True, eq=False)
class Circuits:
    """Many circuits of one graph.

    Attributes:
        graph: The graph that they are part of.
        kept: bool [circuit, source, destination], the edges of each; False where the graph has no edge.
        neurons: bool [circuit, source, d_model], the neurons that kept edges carry; None if they carry all.
    """

    graph: Graph
    kept: NDArray[np.bool_]
    neurons: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def edge_counts(self) -> NDArray[np.int64]:
        """Return how many edges each circuit has."""
        return np.count_nonzero(self.kept, axis=(1, 2))

    @property
    def weighted_edge_counts(self) -> NDArray[np.float64]:
        """Edges, each weighted by the share of its source's neurons that are kept, as MIB counts them."""
        if self.neurons is None:
            return self.edge_counts.astype(np.float64)
        per_source = np.count_nonzero(self.kept, axis=2) * np.count_nonzero(self.neurons, axis=2)
        return per_source.sum(axis=1) / self.graph.d_model


def edge_order(
    scores: EdgeScores, *, ranking: Ranking = "absolute", selection: Selection = "top-n"
) -> NDArray[np.int64]:
    """Edges as places in ``graph.edges``, best first; unscored edges come before all others.

    Args:
        scores: One number an edge.
        ranking: By ``signed`` score or by ``absolute`` value.
        selection: ``top-n`` sorts all edges. ``greedy`` grows the circuit up from the logits: the next edge is the
            best one that leads to a node which the circuit has already.

    Raises:
        ScoreError: If ranking or selection is unknown, or a score is infinite.
    """
    best = strengths(scores.flat, ranking)
    if _known("selection", selection, SELECTIONS) == "top-n":
        return np.argsort(-best, kind="stable")
    return _greedy_order(scores.graph, best)


def select(
    scores: Scores,
    sizes: Sequence[int],
    *,
    ranking: Ranking = "absolute",
    selection: Selection = "top-n",
    prune: bool = True,
) -> Circuits:
    """The best parts of each size, as circuits.

    Args:
        scores: Scores of edges, nodes or neurons; what is scored is what is counted.
        sizes: Number of scored parts to take for each circuit; unscored parts are added to them.
        ranking: By ``signed`` score or by ``absolute`` value.
        selection: ``top-n``, or ``greedy`` (edges only), see ``edge_order``.
        prune: True to drop what is not on a path from an embedding to the logits.

    Returns:
        One circuit a size. Nodes and neurons come with all edges between the nodes that are kept.

    Raises:
        ScoreError: If a size is negative or exceeds the number of scored parts, a score is infinite, an option is
            unknown, or greedy selection is asked for other than edges.
    """
    _check_sizes(scores, sizes)
    if isinstance(scores, EdgeScores):
        order = edge_order(scores, ranking=ranking, selection=selection)
        taken = _first(order, sizes, scores.flat)
        kept = np.zeros((len(sizes), *scores.graph.edge_mask.shape), dtype=np.bool_)
        kept[:, *scores.graph.edge_index] = taken
        circuits = Circuits(scores.graph, kept)
    elif _known("selection", selection, SELECTIONS) == "greedy":
        raise ScoreError("selection='greedy' ranks edges; these are scores of nodes or neurons. Use 'top-n'.")
    else:
        order = np.argsort(-strengths(scores.values.ravel(), ranking), kind="stable")
        taken = _first(order, sizes, scores.values.ravel())
        circuits = _circuits_of_parts(scores.graph, taken, isinstance(scores, NeuronScores))
    return prune_circuits(circuits) if prune else circuits


def n_scored(scores: Scores) -> int:
    """Return how many edges, nodes or neurons have a score."""
    values = scores.flat if isinstance(scores, EdgeScores) else scores.values
    return int(np.count_nonzero(~np.isnan(values)))


def mib_sizes(scores: Scores) -> tuple[int, ...]:
    """The ten sizes at which MIB evaluates: each fraction of the scored parts, rounded down."""
    return tuple(int(fraction * n_scored(scores)) for fraction in MIB_FRACTIONS)


def every_size(scores: Scores, *, limit: int | None = None) -> tuple[int, ...]:
    """All sizes from 0 to the number of scored parts, or at most ``limit`` of them.

    With a limit, sizes grow quadratically, so that small circuits, where curves bend, are the best resolved; 0 and
    the full size are always among them.

    Args:
        scores: Scores of edges, nodes or neurons.
        limit: Most sizes to return, at least 2; None for all.

    Raises:
        ScoreError: If the limit is below 2.
    """
    total = n_scored(scores)
    if limit is None or total < limit:
        return tuple(range(total + 1))
    if limit < 2:
        raise ScoreError(f"limit={limit} sizes; at least 2 are needed, the empty and the full circuit.")
    steps = np.arange(limit) / (limit - 1)
    return tuple(np.unique(np.rint(total * steps**2).astype(np.int64)).tolist())


def circuits_of_nodes(graph: Graph, nodes: NDArray[np.bool_]) -> Circuits:
    """All edges between the nodes that are kept.

    Args:
        graph: Whose nodes.
        nodes: bool [circuit, source], which nodes each circuit keeps.
    """
    owner = owners(graph)
    into = np.where(owner >= 0, nodes[:, owner], True)
    return Circuits(graph, nodes[:, :, None] & into[:, None, :] & graph.edge_mask)


def prune_circuits(circuits: Circuits) -> Circuits:
    """Drop every edge that is on no path from an embedding to the logits, and the neurons of dropped nodes.

    The reference removes nodes that lack an incoming or an outgoing edge until nothing changes; in a graph without
    cycles that leaves exactly the edges on such paths.
    """
    graph = circuits.graph
    kept = circuits.kept & graph.edge_mask
    if circuits.neurons is not None:
        # A node without neurons writes nothing, so that its edges carry nothing.
        kept = kept & _any(circuits.neurons, axis=2)[:, :, None]
    owner = owners(graph)
    owns = (owner[None, :] == np.arange(len(graph.sources))[:, None]).astype(np.float32)
    is_embedding = np.array([graph.locate(name).layer < 0 for name in graph.sources])
    # Each round takes away what hung on the last; it ends, for only edges go.
    while True:
        has_input = _any(kept, axis=1).astype(np.float32) @ owns.T > 0
        alive = _any(kept, axis=2) & (has_input | is_embedding)
        is_read = np.where(owner >= 0, alive[:, owner], True)
        pruned = kept & alive[:, :, None] & is_read[:, None, :]
        if np.array_equal(pruned, kept):
            break
        kept = pruned
    neurons = None if circuits.neurons is None else circuits.neurons & alive[:, :, None]
    return Circuits(graph, kept, neurons)


def owners(graph: Graph) -> NDArray[np.int64]:
    """For each destination the source that computes with what it reads: its row, or -1 for the logits."""
    names = [name.partition("<")[0] for name in graph.destinations]
    return np.array([graph.source_index.get(name, -1) for name in names], dtype=np.int64)


def strengths(values: NDArray[np.float64], ranking: Ranking) -> NDArray[np.float64]:
    """Give what to sort scores by: higher is better, and unscored parts (NaN) are infinitely good.

    Raises:
        ScoreError: If a score is infinite or the ranking is unknown.
    """
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise ScoreError(
            f"{len(infinite)} scores are infinite, the first at place {infinite[0]}. Write finite numbers, or NaN "
            "for what is to be kept always."
        )
    strength = np.abs(values) if _known("ranking", ranking, RANKINGS) == "absolute" else values
    return np.where(np.isnan(values), np.inf, strength)


def _check_sizes(scores: Scores, sizes: Sequence[int]) -> None:
    total = n_scored(scores)
    wrong = next((size for size in sizes if not 0 <= size <= total), None)
    if wrong is not None:
        raise ScoreError(f"a circuit of size {wrong} was asked for; sizes are 0 to {total}, the number of scores.")


def _known(argument: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ScoreError(f"{argument}='{value}' is unknown.{did_you_mean(value, known)} Use one of {list(known)}.")
    return value


def _first(order: NDArray[np.int64], sizes: Sequence[int], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bool [size, part]: unscored parts, and the first ``size`` scored parts of an order."""
    scored = ~np.isnan(values[order])
    rank = np.empty(len(order), dtype=np.int64)
    # 0 for what has no score, so that every size holds it.
    rank[order] = np.where(scored, np.cumsum(scored), 0)
    return rank[None, :] <= np.asarray(sizes, dtype=np.int64)[:, None]


def _greedy_order(graph: Graph, strength: NDArray[np.float64]) -> NDArray[np.int64]:
    rows, columns = graph.edge_index
    owner = owners(graph)[columns]
    into: list[list[int]] = [[] for _ in graph.sources]
    candidates: list[tuple[float, int]] = []
    for edge, node in enumerate(owner.tolist()):
        if node < 0:
            candidates.append((-float(strength[edge]), edge))
        else:
            into[node].append(edge)
    heapq.heapify(candidates)
    order: list[int] = []
    while candidates:
        _, edge = heapq.heappop(candidates)
        order.append(edge)
        parents, into[rows[edge]] = into[rows[edge]], []
        for parent in parents:
            # The edge number breaks ties, as the order of edges does everywhere here.
            heapq.heappush(candidates, (-float(strength[parent]), parent))
    return np.array(order, dtype=np.int64)


def _circuits_of_parts(graph: Graph, taken: NDArray[np.bool_], is_neurons: bool) -> Circuits:
    """All edges out of the nodes that are taken, or that keep at least one neuron."""
    neurons = taken.reshape(len(taken), len(graph.sources), graph.d_model) if is_neurons else None
    nodes = taken if neurons is None else _any(neurons, axis=2)
    return Circuits(graph, circuits_of_nodes(graph, nodes).kept, neurons)


def _any(flags: NDArray[np.bool_], *, axis: int) -> NDArray[np.bool_]:
    return np.asarray(flags.any(axis=axis))
