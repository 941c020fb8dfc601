"""The variables of a compiled model, from the provenance of its dimensions and from its weights."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.node_matrices import reading_matrix, writing_rows
from groundtruth.errors import GroundTruthError
from groundtruth.rasp.expressions import children_first
from groundtruth.rasp.interning import UNEMBEDDING
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable import Encoding, Reader, Variable, dimensions

_ROUNDING = 1e-12
"""Beside the largest weight by which a coordinate reads, what is smaller is rounding."""

Values = Mapping[str, tuple[Any, ...]]
"""The values of each expression that occur on the domain, by label."""


def find_variables(model: CompiledNetwork, values: Values) -> list[Variable]:
    """Every expression of a model's program as a variable, in the order of computation.

    Args:
        model: A compiled model.
        values: Values that occur.

    Raises:
        GroundTruthError: If nothing writes to the dimensions of one variable, or several components do that are not
            copies of each other.
    """
    found: list[Variable] = []
    for sop in children_first(model.program):
        if isinstance(sop, rasp.SOp):
            number: Encoding = "number" if rasp.is_numerical(sop) else "one-hot"
            if isinstance(sop, rasp.SelectorWidth):
                found.append(_variable(model, sop, "reciprocal", values[sop.label]))
            found.append(_variable(model, sop, number, values[sop.label]))
    return found


def _variable(model: CompiledNetwork, sop: rasp.SOp, encoding: Encoding, values: tuple[Any, ...]) -> Variable:
    places = dimensions(model.provenance, sop.label, encoding)
    writers = _writers(model, sop, tuple(places))
    bare = Variable(
        label=sop.label,
        name=sop.name,
        encoding=encoding,
        values=values,
        dimensions=tuple(places),
        held=tuple(places.values()),
        d_model=model.aligned.d_model,
        writer=writers[-1],
        readers=(),
        n_layers=model.weights.n_layers,
        other_writers=writers[:-1],
    )
    readers = tuple(_readers(model, bare.differences))
    return replace(bare, readers=readers, d_model=model.weights.d_model, frame=model.frame)


def _writers(model: CompiledNetwork, sop: rasp.SOp, dimensions: tuple[int, ...]) -> tuple[Site, ...]:
    """The components that write to some residual dimensions, but for what is cleaned at BOS: one, or copies."""
    columns = list(dimensions)
    found = [source for source in model.graph.sources if bool(_writing(model, source)[:, columns].any())]
    if len(found) == 1 or (found and all(_computes(model, source, sop.label) for source in found)):
        return tuple(Site.parse(source) for source in found)
    raise GroundTruthError(
        f"the dimensions of '{sop.name}' in '{model.name}' are written by {', '.join(found) or 'nothing'}; "
        "a variable is written by one component, or by copies of it."
    )


def _computes(model: CompiledNetwork, source: str, label: str) -> bool:
    """Tell whether a component is said to compute an expression."""
    place, provenance = model.graph.locate(source), model.provenance
    if place.kind == "head":
        return provenance.head(place.layer, place.head).expression == label
    return place.kind == "mlp" and any(neuron.expression == label for neuron in provenance.neurons_in(place.layer))


def _writing(model: CompiledNetwork, source: str) -> Tensor:
    """Rows that span all that a source can write at positions of the input [row, d_model]."""
    place = model.graph.locate(source)
    if place.kind != "mlp":
        return writing_rows(model.aligned, place)
    rows = model.aligned.W_out[place.layer].clone()
    rows[[n.index for n in model.provenance.neurons_in(place.layer) if n.role == "clean_bos"]] = 0.0
    return rows


def _readers(model: CompiledNetwork, differences: Tensor) -> Iterator[Reader]:
    """The components whose reading of differences of states is not zero; decoys and cancelling pairs are none."""
    graph, provenance = model.graph, model.provenance
    for name in graph.destinations:
        place = graph.locate(name)
        matrix = reading_matrix(model.aligned, place)
        read = ((differences.T @ matrix).abs() > _ROUNDING * matrix.abs().amax(0)).any(0)
        if not bool(read.any()):
            continue
        if place.kind == "head":
            head = provenance.head(place.layer, place.head)
            if head.role not in ("decoy", "cancelling", "ignored"):
                yield Reader(name, head.expression)
        elif place.kind == "mlp":
            yield from _neurons(model, name, place.layer, read)
        else:
            yield Reader(name, UNEMBEDDING)


def _neurons(model: CompiledNetwork, name: str, layer: int, read: Tensor) -> Iterator[Reader]:
    """One reader for each expression that the neurons compute."""
    neurons_in = model.provenance.neurons_in(layer)
    owners = {neuron.index: neuron.expression for neuron in neurons_in}
    decoys = {neuron.index for neuron in neurons_in if neuron.role == "decoy"}
    indices: dict[str | None, list[int]] = {}
    for index in torch.nonzero(read)[:, 0].tolist():
        if index in decoys:
            continue
        indices.setdefault(owners.get(index), []).append(index)
    for expression, neurons in indices.items():
        yield Reader(name, expression, tuple(neurons))
