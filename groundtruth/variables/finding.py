"""The variables of a compiled model, from the provenance of its dimensions and from its weights."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.errors import GroundTruthError
from groundtruth.expressions import children_first
from groundtruth.model import CompiledModel
from groundtruth.numbering import UNEMBEDDING
from groundtruth.reasons import reading, writing
from groundtruth.variables.sites import Site
from groundtruth.variables.variable import Encoding, Reader, Variable, dimensions

Values = Mapping[str, tuple[Any, ...]]
"""The values of each expression that occur on the domain, by label."""


def find_variables(model: CompiledModel, values: Values) -> list[Variable]:
    """Every expression of a model's program as a variable, in the order of computation.

    Args:
        model: A model whose residual dimensions are the directions of its provenance.
        values: Which values occur.

    Raises:
        GroundTruthError: If several components, or none, write to the dimensions of one variable.
    """
    found: list[Variable] = []
    for sop in children_first(model.program):
        if isinstance(sop, rasp.SOp):
            number: Encoding = "number" if rasp.is_numerical(sop) else "one-hot"
            if isinstance(sop, rasp.SelectorWidth):
                found.append(_variable(model, sop, "reciprocal", values[sop.label]))
            found.append(_variable(model, sop, number, values[sop.label]))
    return found


def _variable(model: CompiledModel, sop: rasp.SOp, encoding: Encoding, values: tuple[Any, ...]) -> Variable:
    places = dimensions(model.provenance, sop.label, encoding)
    bare = Variable(
        label=sop.label,
        name=sop.name,
        encoding=encoding,
        values=values,
        dimensions=tuple(places),
        held=tuple(places.values()),
        d_model=model.weights.d_model,
        writer=_writer(model, sop.name, tuple(places)),
        readers=(),
        n_layers=model.weights.n_layers,
    )
    return replace(bare, readers=tuple(_readers(model, bare.differences)))


def _writer(model: CompiledModel, name: str, dimensions: tuple[int, ...]) -> Site:
    """The one component that writes to some residual dimensions, but for what is cleaned at BOS."""
    columns = list(dimensions)
    found = [source for source in model.graph.sources if bool(_writing(model, source)[:, columns].any())]
    if len(found) != 1:
        raise GroundTruthError(
            f"the dimensions of '{name}' in '{model.name}' are written by {', '.join(found) or 'nothing'}; "
            "a variable is written by one component."
        )
    return Site.parse(found[0])


def _writing(model: CompiledModel, source: str) -> Tensor:
    """Rows that span all that a source can write at positions of the input [row, d_model]."""
    place = model.graph.locate(source)
    if place.kind != "mlp":
        return writing(model.weights, place)
    rows = model.weights.W_out[place.layer].clone()
    rows[[n.index for n in model.provenance.neurons_in(place.layer) if n.role == "clean_bos"]] = 0.0
    return rows


def _readers(model: CompiledModel, differences: Tensor) -> Iterator[Reader]:
    """The components whose reading of differences of states is not exactly zero."""
    graph, provenance = model.graph, model.provenance
    for name in graph.destinations:
        place = graph.locate(name)
        read = (differences.T @ reading(model.weights, place)).ne(0).any(0)
        if not bool(read.any()):
            continue
        if place.kind == "head":
            yield Reader(name, provenance.head(place.layer, place.head).expression)
        elif place.kind == "mlp":
            yield from _neurons(model, name, place.layer, read)
        else:
            yield Reader(name, UNEMBEDDING)


def _neurons(model: CompiledModel, name: str, layer: int, read: Tensor) -> Iterator[Reader]:
    """One reader for each expression that the neurons compute."""
    owners = {neuron.index: neuron.expression for neuron in model.provenance.neurons_in(layer)}
    indices: dict[str | None, list[int]] = {}
    for index in torch.nonzero(read)[:, 0].tolist():
        indices.setdefault(owners.get(index), []).append(index)
    for expression, neurons in indices.items():
        yield Reader(name, expression, tuple(neurons))
