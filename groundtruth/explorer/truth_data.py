"""Exact circuits and variables as small JSON: the page shows each status with its proof and its witness."""

from collections.abc import Sequence
from typing import Any

from groundtruth.model import KnownModel
from groundtruth.store.json_values import pack
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import ABLATIONS, Circuit, EdgeTruth
from groundtruth.truth.circuits.prover import default_lengths
from groundtruth.truth.variables.variable_truth import Stage, VariableTruth
from mib.graph import Edge

PROOF_LETTERS = {
    "constant": "c",
    "unread": "u",
    "absorbed": "a",
    "exhaustive": "e",
    "witness": "w",
    "sampled": "s",
    "none": "n",
}
"""One letter a proof; the page reads the status off it."""


def circuits_of(model: KnownModel) -> list[Circuit]:
    """The circuits to show, the default one first: those of the model's folder, or those of each ablation."""
    first = model.circuit()
    if model.folder is None or isinstance(model, TrainedModel):
        return [first, *(model.circuit(ablation) for ablation in ABLATIONS if ablation != first.ablation)]
    return [first, *(circuit for circuit in model.known_circuits if circuit is not first)]


def truth_data(model: KnownModel, circuits: Sequence[Circuit]) -> dict[str, Any]:
    """Circuits and variables as JSON.

    Returns:
        ``structural``: the edges that are read, as places in the graph's edges; all else is absent. ``reasons``: the
        distinct reasons ``[carries, travels, used for]``; ``reason``: which of them each structural edge has.
        ``circuits`` and ``variables``, the latter of a compiled model.
    """
    graph_edges = {edge: index for index, edge in enumerate(model.graph.edges)}
    structural = [truth for truth in circuits[0].truths if truth.structural]
    places = {truth.edge: index for index, truth in enumerate(structural)}
    spelt = [(t.reason.carries, t.reason.travels, t.reason.used_for) for t in structural]
    reasons = list(dict.fromkeys(spelt))
    return {
        "structural": [graph_edges[truth.edge] for truth in structural],
        "reasons": reasons,
        "reason": [reasons.index(reason) for reason in spelt],
        "circuits": [_circuit_data(circuit, places) for circuit in circuits],
        # Those of a trained model are subspaces in the coordinates of its network: see trained_data.
        "variables": [] if isinstance(model, TrainedModel) else [_variable_data(truth) for truth in model.variables()],
        "default_lengths": default_lengths(model),
    }


def _circuit_data(circuit: Circuit, places: dict[Edge, int]) -> dict[str, Any]:
    truths = [circuit[edge] for edge in places]
    return {
        "ablation": circuit.ablation,
        "lengths": circuit.lengths,
        "inputs": circuit.inputs,
        "exhaustive": circuit.exhaustive,
        "coverage": circuit.coverage,
        "sufficient": circuit.sufficiency.holds,
        "sufficiency": str(circuit.sufficiency),
        "complete": circuit.complete,
        "proof": "".join(PROOF_LETTERS[truth.proof] for truth in truths),
        "tried": [truth.tried for truth in truths],
        "redundant": [place for place, truth in enumerate(truths) if truth.redundant],
        "minimal": [[places[edge] for edge in edges] for edges in circuit.minimal_circuits],
        "witnesses": [[place, *_witness(truth)] for place, truth in enumerate(truths) if truth.witness],
    }


def _witness(truth: EdgeTruth) -> list[list[Any] | None]:
    witness = truth.witness
    if witness is None:
        return []
    parts = (witness.clean, witness.counterfactual, witness.output, witness.cut_output)
    return [None if part is None else [pack(value) for value in part] for part in parts]


def _variable_data(truth: VariableTruth) -> dict[str, Any]:
    variable = truth.variable
    return {
        "label": variable.label,
        "name": str(variable),
        "encoding": variable.encoding,
        "values": [pack(value) for value in variable.values],
        "dimensions": list(variable.dimensions),
        "held": [pack(value) for value in variable.held],
        "writer": str(variable.writer),
        "readers": [[reader.destination, reader.expression] for reader in variable.readers],
        "stages": [_stage_data(stage) for stage in truth.stages],
    }


def _stage_data(stage: Stage) -> dict[str, Any]:
    return {
        "state": stage.state,
        "sites": [str(site) for site in stage.sites],
        "sublayers": [site.sublayer for site in stage.sites],
        "readers": [[reader.destination, reader.expression] for reader in stage.readers],
        "tried": sum(item.tried - item.undefined for item in stage.interchanges),
        "wrong": sum(item.wrong for item in stage.interchanges),
        "exhaustive": all(item.exhaustive for item in stage.interchanges),
    }
