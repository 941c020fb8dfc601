"""Choose a circuit of a size as an integer program: the strongest edges of which none dangles."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mib.errors import MethodError, ScoreError
from mib.graph import EdgeScores, Graph
from mib.metrics.circuit_selection import owners

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SOURCE = "Nikankin et al. 2025, arXiv 2510.25786"


def select_by_program(
    scores: EdgeScores, size: int, *, positive_share: float = 0.0, time_limit: float = 60.0
) -> NDArray[np.bool_]:
    """The circuit of at most ``size`` edges whose absolute scores have the largest sum.

    Every node but the embeddings has an edge in and an edge out, or is not in the circuit.

    Args:
        scores: One finite number an edge.
        size: Number of edges that the circuit may have.
        positive_share: At least this share of the circuit's edges have a score above 0.
        time_limit: Seconds, after which the best circuit so far is taken.

    Returns:
        True for the edges of the circuit, [source, destination].

    Raises:
        ScoreError: If the size or the share is out of range, or a score is missing.
        MethodError: If no circuit was found in time.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # which takes longer to import than the rest of mib

    graph, strength = scores.graph, scores.require_complete(by="the scores").flat
    if not 0 <= size <= len(graph.edges):
        raise ScoreError(f"a circuit of size {size} was asked for; sizes are 0 to {len(graph.edges)}.")
    if not 0 <= positive_share <= 1:
        raise ScoreError(f"positive_share={positive_share}; it is a share of the circuit's edges, from 0 to 1.")
    sizes = np.concatenate((np.ones(len(strength)), np.zeros(len(graph.sources))))
    positive = np.concatenate((strength > 0, np.zeros(len(graph.sources))))
    answer = milp(
        -np.concatenate((np.abs(strength), np.zeros(len(graph.sources)))),
        integrality=np.ones(len(sizes)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(sizes[None], ub=size),
            LinearConstraint((positive - positive_share * sizes)[None], lb=0),
            LinearConstraint(_connected(graph), ub=0),
        ],
        options={"time_limit": time_limit},
    )
    if answer.x is None:
        raise MethodError(
            f"no circuit of {size} edges was found in time_limit={time_limit} s ({answer.message}). Allow more time."
        )
    kept = np.zeros(graph.edge_mask.shape, dtype=np.bool_)
    kept[graph.edge_index] = answer.x[: len(strength)] > 0.5
    return kept


def _connected(graph: Graph) -> "csr_array":
    """Rows r with r x <= 0, for x = (edges, nodes): an edge needs its nodes, a node an edge in and an edge out."""
    from scipy.sparse import lil_array

    n_edges, owner = len(graph.edges), owners(graph)
    computed = [s for s, name in enumerate(graph.sources) if graph.locate(name).layer >= 0]
    rows: list[dict[int, int]] = []
    edges_in: dict[int, list[int]] = {node: [] for node in computed}
    edges_out: dict[int, list[int]] = {node: [] for node in computed}
    for edge, (source, destination) in enumerate(zip(*graph.edge_index, strict=True)):
        for node, ends in ((int(source), edges_out), (int(owner[destination]), edges_in)):
            if node in ends:
                ends[node].append(edge)
                rows.append({edge: 1, n_edges + node: -1})
    for node in computed:
        for ends in (edges_in, edges_out):
            rows.append({n_edges + node: 1, **{edge: -1 for edge in ends[node]}})
    matrix = lil_array((len(rows), n_edges + len(graph.sources)))
    for index, row in enumerate(rows):
        for column, value in row.items():
            matrix[index, column] = value
    return matrix.tocsr()
