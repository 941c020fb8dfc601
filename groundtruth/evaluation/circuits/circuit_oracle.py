"""The oracle: the one localizer that is given the truth, beside which every other is read."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from groundtruth.truth.circuits.circuit import Circuit
from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph, NodeScores
from mib.levels import Level
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import Circuits, circuits_of_nodes, prune_circuits
from mib.metrics.measure_circuits import measure

S = TypeVar("S", bound=EdgeScores | NodeScores)

STAND_IN = 0.5
"""Score of an edge of the first minimal circuit that no single cut shows, since others stand in for it."""


def oracle(circuit: Circuit, *, level: Level = "edge") -> EdgeScores | NodeScores:
    """The first minimal circuit as scores: 1 for its live edges, 0.5 for its others, 0 for the rest.

    A node scores what the best of its outgoing edges does.

    Args:
        circuit: The truth.
        level: ``edge`` or ``node``.

    Raises:
        ScoreError: At neuron level, for which there is no exact truth.
    """
    values = np.where(circuit.graph.edge_mask, 0.0, np.nan)
    first = circuit.mask(circuit.minimal_circuits[0])
    values[first] = STAND_IN
    values[first & circuit.mask()] = 1.0
    match level:
        case "edge":
            return EdgeScores(circuit.graph, values)
        case "node":
            return NodeScores(circuit.graph, np.nanmax(values, axis=1))
        case "neuron":
            raise ScoreError("the oracle knows edges and nodes; there is no exact truth about neurons.")


DROPPED = 0.1
"""Share of the parts that are left which one step of ``in_best_order`` drops; at least one."""


def in_best_order(task: LocalizationTask, scores: S) -> S:
    """The same parts, ranked among themselves so that smaller circuits stay faithful; the others keep their 0.

    The truth does not say which of its edges to take first, but the area under a curve over all sizes depends on it.
    So parts with a score are dropped from the true circuit again and again, those first without which the mean metric
    stays nearest to the whole model's (ties: the later of ``graph.edges`` first), at most a tenth of what is left at a
    time; what is dropped last ranks first. The same task and truth give the same order.

    Args:
        task: Measures the circuits.
        scores: Scores of the oracle; above 0 for what is ranked. What scores higher stays higher.
    """
    values = scores.flat if isinstance(scores, EdgeScores) else scores.values
    order: list[int] = []
    # From the lowest tier up, what is better staying in all circuits: an edge that others stand in for never ranks
    # above a live one.
    for tier in np.unique(values[values > 0]):
        better = np.flatnonzero(values > tier)
        order += _worst_first(task, scores, np.flatnonzero(values == tier), better)
    ranks = np.zeros(len(values))
    ranks[order] = (np.arange(len(order)) + 1) / len(order)
    return type(scores)(scores.graph, ranks)


def _worst_first(
    task: LocalizationTask, scores: EdgeScores | NodeScores, left: NDArray[np.int64], always: NDArray[np.int64]
) -> list[int]:
    """The parts of one tier in the order in which they are dropped, from a circuit that keeps others always."""
    n_parts, order = len(scores.flat if isinstance(scores, EdgeScores) else scores.values), list[int]()
    while len(left):
        without = np.zeros((len(left), n_parts), dtype=np.bool_)
        without[:, always] = True
        without[:, left] = ~np.eye(len(left), dtype=np.bool_)
        found = measure(task, _circuits(scores, without))
        gaps = np.abs(found.circuits.mean(axis=1) - found.full.mean())
        # Rounded, so that gaps that rounding sets apart tie, and the order is the same on every machine.
        settled = np.round(gaps / max(float(np.abs(found.full).max()), 1e-300), decimals=6)
        out = np.lexsort((-left, settled))[: math.ceil(DROPPED * len(left))]
        order += left[out].tolist()
        left = np.delete(left, out)
    return order


def _circuits(scores: EdgeScores | NodeScores, kept: NDArray[np.bool_]) -> Circuits:
    """Circuits of many sets of edges or nodes, [circuit, part], as CPR and CMD measure them."""
    graph: Graph = scores.graph
    if isinstance(scores, NodeScores):
        return prune_circuits(circuits_of_nodes(graph, kept))
    edges = np.zeros((len(kept), *graph.edge_mask.shape), dtype=np.bool_)
    edges[:, *graph.edge_index] = kept
    return prune_circuits(Circuits(graph, edges))
