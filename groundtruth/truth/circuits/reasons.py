"""Why an edge is there: which expression's value travels on it, and what the destination computes from it.

This is the structural truth, which depends on the weights alone and on no ablation and no input.
"""

import functools

import torch
from torch import Tensor

from groundtruth.compiled.liveness import without
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.node_matrices import reading_matrix, writing_rows
from groundtruth.compiled.provenance import Direction
from groundtruth.rasp.expressions import walk
from groundtruth.truth.circuits.circuit import Carries, Reason
from mib.graph import Edge, Place

_RANK: dict[str, Carries] = {
    "token": "variable",
    "pad": "variable",
    "variable": "variable",
    "scratch": "variable",
    "copy": "variable",
    "cancelling": "variable",
    "ignored": "variable",
    "decoy": "variable",
    "mixed": "variable",
    "position": "position",
    "one": "constant",
    "bos": "constant",
}

DECOY = "a decoy"
"""Use of a decoy's result, in the words of a reason."""


@functools.lru_cache(maxsize=4)
def structure(model: CompiledNetwork) -> dict[Edge, Reason]:
    """The structural edges of a model, each with its reason.

    An edge is absent where all that its source can write, read through its destination's matrix, is zero; both are
    taken in the coordinates of the provenance's directions, in which no rounding of a rotation is left.
    """
    # In the residual coordinates of a rotated model every product has rounding in it, and none would be zero.
    graph, weights = model.graph, model.aligned
    written = {name: writing_rows(weights, graph.locate(name)) for name in graph.sources}
    matrices = {name: reading_matrix(weights, graph.locate(name)) for name in graph.destinations}
    # A model of 30 layers x 30 heads has a million edges, nearly all of them between nodes that do nothing.
    writers = {name for name, rows in written.items() if _size(rows)}
    readers = {name for name, matrix in matrices.items() if _size(matrix)}
    return {
        edge: reason(model, edge)
        for edge in graph.edges
        if edge.source in writers
        and edge.destination in readers
        and _is_read(written[edge.source], matrices[edge.destination])
    }


@functools.lru_cache(maxsize=4)
def unread(model: CompiledNetwork) -> frozenset[Edge]:
    """The structural edges over which only decoys read anything: they matter to no output, whatever is cut.

    Raises:
        VariantError: If a part that is called a decoy is of use to the output.
    """
    if not len(model.decoys):
        return frozenset()
    graph, weights = model.graph, without(model.aligned, model.decoys)
    matrices = {name: reading_matrix(weights, graph.locate(name)) for name in graph.destinations}
    return frozenset(
        edge
        for edge in structure(model)
        if not _is_read(writing_rows(weights, graph.locate(edge.source)), matrices[edge.destination])
    )


def _is_read(written: Tensor, matrix: Tensor) -> bool:
    scale = _size(written) * _size(matrix)
    # In float64 a product of matrices of width d errs by d * 1e-16 of its scale; no weight that is meant is that small.
    return scale > 0.0 and _size(written @ matrix) > 1e-13 * scale


def _size(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def reason(model: CompiledNetwork, edge: Edge) -> Reason:
    """Return what travels on an edge, and what for, from the provenance of the weights.

    Args:
        model: A compiled model.
        edge: An edge of its graph.
    """
    source, destination = model.graph.locate(edge.source), model.graph.locate(edge.destination)
    written = writing_rows(model.aligned, source).abs().sum(0) > 0
    matrix = reading_matrix(model.aligned, destination)
    shared = torch.nonzero(written & (matrix.abs().sum(1) > 0))[:, 0].tolist()
    if not shared:
        return Reason("nothing", (), ())
    names = {expression.label: expression.name for expression in walk(model.program)}
    directions = [model.provenance.directions[i] for i in shared]
    carried = {_RANK[direction.kind] for direction in directions}
    # One direction that varies makes the edge vary, whatever else travels beside it.
    carries: Carries = next(kind for kind in ("variable", "position", "constant") if kind in carried)
    return Reason(
        carries=carries,
        travels=tuple(dict.fromkeys(_spell(direction, names) for direction in directions)),
        used_for=_used_for(model, destination, matrix[shared], names),
    )


def _spell(direction: Direction, names: dict[str, str]) -> str:
    if direction.kind == "one":
        return "one"
    if direction.kind == "bos":
        return "BOS"
    if direction.kind == "mixed":
        return "superposed directions"
    if direction.kind == "cancelling":
        return "what a pair cancels"
    if direction.kind == "ignored":
        return "what is ignored"
    if direction.kind == "scratch":
        return f"1/(1+{names[direction.expression or '']})"
    return names.get(direction.expression or "", direction.expression or "")


def _used_for(model: CompiledNetwork, place: Place, read: Tensor, names: dict[str, str]) -> tuple[str, ...]:
    if place.kind == "logits":
        return (model.program.name,)
    if place.kind == "head":
        head = model.provenance.head(place.layer, place.head)
        return (DECOY,) if head.role == "decoy" else (names[head.expression],) if head.expression else ()
    reached = {int(i) for i in torch.nonzero(read.abs().sum(0) > 0)[:, 0]}
    neurons = [neuron for neuron in model.provenance.neurons_in(place.layer) if neuron.index in reached]
    return tuple(dict.fromkeys(DECOY if n.role == "decoy" else names[n.expression] for n in neurons))
