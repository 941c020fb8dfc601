"""Variables as JSON and back."""

from typing import Any

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import ArtifactError, GroundTruthError
from groundtruth.rasp.expressions import walk
from groundtruth.store.json_values import pack, unpack
from groundtruth.store.schema import FailureData, InterchangesData, StageData, VariableData
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable import Reader, Variable, dimensions
from groundtruth.truth.variables.variable_truth import Failure, Interchanges, Stage, VariableTruth
from mib.counted_nouns import layers_by_heads


def variable_data(truth: VariableTruth) -> dict[str, Any]:
    """A variable as JSON."""
    variable = truth.variable
    others = [str(site) for site in variable.other_writers]
    return {
        "label": variable.label,
        "encoding": variable.encoding,
        "values": [pack(value) for value in variable.values],
        "writer": str(variable.writer),
        **({"other_writers": others} if others else {}),
        "readers": [[item.destination, item.expression, list(item.neurons)] for item in variable.readers],
        "spread": truth.spread,
        "exhaustive": truth.exhaustive,
        "stages": [_stage_data(stage) for stage in truth.stages],
    }


def variable_truth(data: VariableData, model: CompiledNetwork) -> VariableTruth:
    """The variable that ``variable_data`` wrote.

    Raises:
        ArtifactError: If it speaks of an expression, a value or a site that the model does not have.
    """
    names = {expression.label: expression.name for expression in walk(model.program)}
    if data.label not in names:
        raise ArtifactError(f"variable '{data.label}': the program has no such expression.")
    try:
        _require_places(data, model)
        places = dimensions(model.provenance, data.label, data.encoding)
        variable = Variable(
            label=data.label,
            name=names[data.label],
            encoding=data.encoding,
            values=tuple(unpack(value) for value in data.values),
            dimensions=tuple(places),
            held=tuple(places.values()),
            d_model=model.weights.d_model,
            writer=Site.parse(data.writer),
            readers=tuple(Reader(name, expression, tuple(neurons)) for name, expression, neurons in data.readers),
            n_layers=model.weights.n_layers,
            frame=model.frame,
            other_writers=tuple(Site.parse(name) for name in data.other_writers),
        )
        stages = tuple(_stage(stage, variable) for stage in data.stages)
        variable.require_held()
    except GroundTruthError as error:
        raise ArtifactError(f"variable '{data.label}': {error}") from error
    return VariableTruth(variable, stages, data.spread, data.exhaustive)


def _require_places(data: VariableData, model: CompiledNetwork) -> None:
    """See that the model has every site and every destination that is named.

    Raises:
        GroundTruthError: If it lacks one.
    """
    names = [data.writer, *data.other_writers, *(name for stage in data.stages for name in stage.sites)]
    for site in map(Site.parse, names):
        if site.layer >= model.weights.n_layers or (site.head or 0) >= model.weights.n_heads:
            raise GroundTruthError(
                f"the model, of {layers_by_heads(model.weights.n_layers, model.weights.n_heads)}, has no site '{site}'."
            )
    for destination, _, _ in data.readers:
        if destination not in model.graph.destinations:
            raise GroundTruthError(f"'{destination}' is no destination of the model's edges.")


def _stage_data(stage: Stage) -> dict[str, Any]:
    return {
        "state": stage.state,
        "sites": [str(site) for site in stage.sites],
        "rank": stage.rank,
        "runs": stage.runs,
        "interchanges": [_interchanges_data(item) for item in stage.interchanges],
    }


def _interchanges_data(item: Interchanges) -> dict[str, Any]:
    data: dict[str, Any] = {
        "pairs": item.pairs,
        "tried": item.tried,
        "undefined": item.undefined,
        "distinguishing": item.distinguishing,
        "wrong": item.wrong,
        "exhaustive": item.exhaustive,
    }
    if (failure := item.failure) is not None:
        data["failure"] = {
            "base": list(failure.base),
            "source": list(failure.source),
            "positions": list(failure.positions),
            "expected": [pack(value) for value in failure.expected],
            "actual": [pack(value) for value in failure.actual],
        }
    return data


def _stage(data: StageData, variable: Variable) -> Stage:
    sites = tuple(Site.parse(name) for name in data.sites)
    return Stage(
        state=data.state,
        sites=sites,
        readers=variable.readers_since(sites[0].sublayer) if sites else (),
        rank=data.rank,
        interchanges=tuple(_interchanges(item) for item in data.interchanges),
        runs=data.runs,
    )


def _interchanges(data: InterchangesData) -> Interchanges:
    return Interchanges(
        pairs=data.pairs,
        tried=data.tried,
        undefined=data.undefined,
        distinguishing=data.distinguishing,
        wrong=data.wrong,
        exhaustive=data.exhaustive,
        failure=None if data.failure is None else _failure(data.failure),
    )


def _failure(data: FailureData) -> Failure:
    return Failure(
        base=tuple(data.base),
        source=tuple(data.source),
        positions=tuple(data.positions),
        expected=tuple(unpack(value) for value in data.expected),
        actual=tuple(unpack(value) for value in data.actual),
    )
