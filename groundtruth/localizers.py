"""The oracle: the one localizer that is given the truth, beside which every other is read."""

import numpy as np

from groundtruth.circuit import Circuit
from mib.errors import ScoreError
from mib.graph import EdgeScores, NodeScores
from mib.task import Level

STAND_IN = 0.5
"""Score of an edge that is not live alone but stands in the first minimal circuit, where copies replace each other."""


def oracle(circuit: Circuit, *, level: Level = "edge") -> EdgeScores | NodeScores:
    """The exact circuit as scores: 1 for what is live, 0 for the rest.

    Where the live edges alone do not reproduce the model, the other edges of the first minimal circuit score 0.5. A
    node scores what the best of its outgoing edges does.

    Args:
        circuit: The truth.
        level: ``edge`` or ``node``.

    Raises:
        ScoreError: At neuron level, for which there is no exact truth.
    """
    values = np.where(circuit.graph.edge_mask, 0.0, np.nan)
    values[circuit.mask(circuit.minimal_circuits[0])] = STAND_IN
    values[circuit.mask()] = 1.0
    match level:
        case "edge":
            return EdgeScores(circuit.graph, values)
        case "node":
            return NodeScores(circuit.graph, np.nanmax(values, axis=1))
        case "neuron":
            raise ScoreError("the oracle knows edges and nodes; there is no exact truth about neurons.")
