"""Random circuits: unions of random paths from an embedding to the logits.

Source: ``sample_circuit`` and ``sample_inflated`` of https://github.com/blei-lab/circuitry (Shi et al. 2024).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError
from mib.graph import Graph
from mib.metrics.circuit_selection import owners


@dataclass(frozen=True, eq=False)
class RandomPaths:
    """Draws random walks along the edges of a graph: at each node every edge out of it is equally likely.

    Attributes:
        graph: The graph to walk.
        rng: Source of randomness.
    """

    graph: Graph
    rng: np.random.Generator

    def walk(self, n: int) -> list[NDArray[np.int64]]:
        """Draw n paths at once.

        Returns:
            The edges of each step, as places in ``graph.edges``, [path]; -1 once a path has reached the logits.
        """
        rows, columns = self.graph.edge_index
        first = np.searchsorted(rows, np.arange(len(self.graph.sources) + 1))
        owner = owners(self.graph)
        n_embeddings = 2 if self.graph.pos else 1
        node = self.rng.integers(n_embeddings, size=n)
        steps: list[NDArray[np.int64]] = []
        while (node >= 0).any():
            at = np.maximum(node, 0)
            # Drawn for all paths, those that have ended too, so that what one path draws does not depend on the others.
            edge = first[at] + np.floor(self.rng.random(n) * (first[at + 1] - first[at])).astype(np.int64)
            steps.append(np.where(node >= 0, edge, -1))
            node = np.where(node >= 0, owner[columns[edge]], -1)
        return steps


def random_circuits(graph: Graph, n: int, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Circuits of at least ``size`` edges, each a union of random paths, [circuit, source, destination].

    Raises:
        ScoreError: If the graph has fewer edges.
    """
    if not 0 <= size <= len(graph.edges):
        raise ScoreError(f"size={size} edges were asked for; this graph has {len(graph.edges)}.")
    return _grow(graph, np.zeros((n, len(graph.edges)), dtype=np.bool_), size, rng)


def inflated_circuits(
    graph: Graph, kept: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A circuit with random paths added until it has a new edge, and the same without one of the new edges.

    Args:
        graph: The graph.
        kept: The circuit to inflate, bool [source, destination].
        n: Number of circuits to draw.
        rng: Source of randomness.

    Returns:
        Inflated circuits and inflated circuits less one added edge, both [circuit, source, destination].

    Raises:
        ScoreError: If the circuit has all edges already.
    """
    flat = kept[graph.edge_index]
    if flat.all():
        raise ScoreError("the circuit has all edges of the graph: no larger circuit to compare it with.")
    inflated = _grow(graph, np.tile(flat, (n, 1)), int(flat.sum()) + 1, rng)
    new = inflated[:, *graph.edge_index] & ~flat
    removed = np.argmax(np.where(new, rng.random(new.shape), -1.0), axis=1)
    less = inflated.copy()
    rows, columns = graph.edge_index
    less[np.arange(n), rows[removed], columns[removed]] = False
    return inflated, less


def _grow(graph: Graph, flat: NDArray[np.bool_], size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Add random paths to circuits [circuit, edge] until each has at least ``size`` edges."""
    paths = RandomPaths(graph, rng)
    while len(short := np.flatnonzero(np.count_nonzero(flat, axis=1) < size)):
        for edges in paths.walk(len(short)):
            on_path = edges >= 0
            flat[short[on_path], edges[on_path]] = True
    kept = np.zeros((len(flat), *graph.edge_mask.shape), dtype=np.bool_)
    kept[:, *graph.edge_index] = flat
    return kept
