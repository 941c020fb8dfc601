"""Circuits that somebody proposes, as edges of a task's graph: from a circuit file, or the top of a ranking."""

from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groundtruth.errors import GroundTruthError
from mib.counted_nouns import layers_by_heads
from mib.graph import Graph
from mib.leaderboard.formats import read_circuit
from mib.levels import Scores
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import n_scored, select

Kept = NDArray[np.bool_]


def read_candidate(path: Path, task: LocalizationTask, top: int | None) -> tuple[LocalizationTask, Kept]:
    """Read a circuit file as a circuit of a task.

    Args:
        path: A circuit file of MIB, ``.json`` or ``.pt``.
        task: The task that the circuit is to be run on.
        top: Number of best scored edges to take; None for the edges that the file says are in the graph.

    Returns:
        The task, on the file's graph where that leaves out the position embedding, and the circuit.

    Raises:
        FormatError: If the file is malformed.
        GroundTruthError: If it is of another architecture, names no circuit and ``top`` is None, or is empty.
    """
    circuit = read_circuit(path)
    graph = circuit.graph
    if replace(task.graph, pos=graph.pos) != graph:
        raise GroundTruthError(
            f"{path} is of another model: it has {_describe(graph)}, the model {_describe(task.graph)}."
        )
    task = replace(task, graph=graph)
    if top is not None:
        scores = circuit.node_scores or circuit.neuron_scores or circuit.scores
        return task, take_top(scores, top, name=str(path))
    # A file of scores has every edge in its graph, and would be taken for the whole model.
    if np.array_equal(circuit.edges, graph.edge_mask):
        raise GroundTruthError(f"{path} ranks edges, all of which are in the graph: say by --top how many to take.")
    if not circuit.edges.any():
        raise GroundTruthError(f"{path} has no edge in its graph: there is no circuit to test. Put in what it is of.")
    return task, circuit.edges


def take_top(scores: Scores, top: int | None, *, name: str) -> Kept:
    """Take the circuit of the best edges, nodes or neurons of a ranking, by magnitude, pruned to what is connected.

    Args:
        scores: The ranking.
        top: Number of edges to take.
        name: Name of what made the ranking, for errors.

    Raises:
        GroundTruthError: If ``top`` is None, or not among the possible sizes, or nothing of what it takes is connected.
    """
    most = n_scored(scores)
    if top is None or not 1 <= top <= most:
        given = "ranks edges and names no circuit" if top is None else f"ranks {most} parts, not top={top}"
        raise GroundTruthError(f"{name} {given}: say by --top how many to take, from 1 to {most}.")
    kept = select(scores, [top]).kept[0]
    if not kept.any():
        raise GroundTruthError(
            f"{name}: no path from an embedding to the logits runs through its best {top} alone, so that they are no "
            f"circuit. {_say_least(scores, top, most)}"
        )
    return kept


def _say_least(scores: Scores, low: int, most: int) -> str:
    """Say from which size on, above ``low``, the best parts are a circuit."""
    # A larger size only adds parts, so that halving finds the least without a circuit of every size.
    sizes = range(low + 1, most + 1)
    place = bisect_left(sizes, True, key=lambda size: bool(select(scores, [size]).kept.any()))
    return f"Take more: the least is --top {sizes[place]}." if place < len(sizes) else "Rank more, or otherwise."


def _describe(graph: Graph) -> str:
    order = "parallel" if graph.parallel else "sequential"
    return f"{layers_by_heads(graph.n_layers, graph.n_heads)}, d_model {graph.d_model}, {order}"
