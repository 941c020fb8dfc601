"""Write a compiled model and its proven circuits to a folder."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as to_safetensors

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import ArtifactError
from groundtruth.files import sha256, to_json, write_beside
from groundtruth.store.domain_data import domain_data
from groundtruth.store.file_names import FRAME, MODEL, SCHEMA_VERSION, TRUTH, WEIGHTS
from groundtruth.store.json_values import pack
from groundtruth.store.recipe_data import recipe_data
from groundtruth.store.tabulate import tabulate
from groundtruth.store.variable_data import variable_data
from groundtruth.store.witness_data import witness_data
from groundtruth.truth.circuits.circuit import ABLATIONS, LENGTHS, Circuit, EdgeTruth
from groundtruth.truth.variables.variable_truth import VariableTruth


def save(
    model: CompiledNetwork, folder: Path, circuits: Sequence[Circuit], *, variables: Sequence[VariableTruth] = ()
) -> None:
    """Write ``model.safetensors``, ``model.json`` and ``truth.json``.

    Nothing is replaced before all three lie ready beside the old ones, so that an interruption leaves those whole.

    Args:
        model: Model to write.
        folder: Made if it is not there; files of these names in it are replaced.
        circuits: The circuits to keep with it.
        variables: The variables to keep with it.

    Raises:
        ArtifactError: If the proof of a circuit was stopped by a limit in seconds.
    """
    for circuit in circuits:
        if circuit.stopped_after is not None:
            raise ArtifactError(
                f"the proof of the circuit {circuit.ablation}/{circuit.lengths} of '{model.name}' was stopped after "
                f"{circuit.stopped_after:g} s, and what it left undecided depends on the machine. Nothing was written. "
                "Prove it without budget_seconds; budget= limits the inputs that are run."
            )
    arrays = model.weights.arrays() | ({} if model.frame is None else {FRAME: model.frame.numpy()})
    weights = to_safetensors({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    described = to_json(_model_data(model, sha256(weights)))
    truth = to_json(_truth_data(model, sha256(described), circuits, variables))
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as waiting:
        for name, content in ((WEIGHTS, weights), (MODEL, described), (TRUTH, truth)):
            write_beside(folder / name, content, waiting)


def _model_data(model: CompiledNetwork, weights_sha256: str) -> dict[str, Any]:
    inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": model.name,
        "description": model.description,
        "family": model.family,
        "causal": model.causal,
        "pad_safe": model.pad_safe,
        "weights_sha256": weights_sha256,
        "domain": domain_data(model.domain),
        "check": {
            "inputs": model.check.inputs,
            "exhaustive": model.check.exhaustive,
            "seed": model.check.seed,
        },
        "token_values": [pack(value) for value in model.token_values],
        "output_values": [pack(value) for value in model.decoder.values],
        "program": tabulate(model.program, inputs, max_seq_len=model.domain.max_seq_len, causal=model.causal),
        "rasp_source": model.rasp_source,
        "heads": [[h.layer, h.head, h.expression, h.role] for h in model.provenance.heads],
        "directions": [[d.name, d.kind, d.expression, pack(d.value)] for d in model.provenance.directions],
        "neurons": [[n.layer, n.index, n.expression, n.role] for n in model.provenance.neurons],
        **({"settings": model.settings.changed} if model.settings.changed else {}),
        **({"recipe": recipe_data(model.recipe)} if model.recipe else {}),
        **({"centered": True} if model.decoder.centered else {}),
        **({"certainty": model.certainty} if model.certainty != "exact" else {}),
    }


def _truth_data(
    model: CompiledNetwork, model_sha256: str, circuits: Sequence[Circuit], variables: Sequence[VariableTruth]
) -> dict[str, Any]:
    truths = circuits[0].truths if circuits else ()
    there = [f"{circuit.ablation}/{circuit.lengths}" for circuit in circuits]
    # An artifact that holds all says nothing; one that holds less lists it, so that nothing can be taken out unseen.
    whole = {*there} == {*whole_circuits(model)} and (bool(variables) or model.certainty == "measured")
    return {
        "schema_version": SCHEMA_VERSION,
        "name": model.name,
        "model_sha256": model_sha256,
        "circuits": [circuit_data(circuit) for circuit in circuits],
        "reasons": {
            str(t.edge): [t.reason.carries, list(t.reason.travels), list(t.reason.used_for)]
            for t in truths
            if t.structural
        },
        "absent": [str(t.edge) for t in truths if not t.structural],
        "variables": [variable_data(truth) for truth in variables],
        **({} if whole else {"holds": {"circuits": there, "variables": bool(variables)}}),
    }


def whole_circuits(model: CompiledNetwork) -> list[str]:
    """``ablation/lengths`` of every circuit that an artifact holds unless it says that it holds less."""
    kinds = LENGTHS if model.pad_safe and len(model.domain.lengths) > 1 else ("fixed",)
    return [f"{ablation}/{lengths}" for ablation in ABLATIONS for lengths in kinds]


def circuit_data(circuit: Circuit) -> dict[str, Any]:
    """A circuit as an artifact has it."""
    return {
        "ablation": circuit.ablation,
        "lengths": circuit.lengths,
        "inputs": circuit.inputs,
        "exhaustive": circuit.exhaustive,
        **({} if circuit.exhaustive else {"coverage": circuit.coverage}),
        "sufficiency": {
            "holds": circuit.sufficiency.holds,
            "by": circuit.sufficiency.by,
            "runs": circuit.sufficiency.runs,
        },
        "minimal_circuits": [
            [str(edge) for edge in edges]
            for edges in circuit.minimal_circuits
            if circuit.minimal_circuits != (circuit.edges,)
        ],
        "complete": circuit.complete,
        "edges": {str(t.edge): _edge_data(t) for t in circuit.truths if t.structural},
    }


def _edge_data(truth: EdgeTruth) -> dict[str, Any]:
    data: dict[str, Any] = {"status": truth.status, "proof": truth.proof}
    if truth.tried:
        data["tried"] = truth.tried
    if truth.redundant:
        data["redundant"] = True
    if truth.witness is not None:
        data["witness"] = witness_data(truth.witness)
    return data
