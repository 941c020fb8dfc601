"""Write a trained model and its certificate to a folder."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as to_safetensors

from groundtruth.files import sha256, to_json, write_beside
from groundtruth.store.domain_data import domain_data
from groundtruth.store.file_names import MODEL, SCHEMA_VERSION, TRUTH, WEIGHTS
from groundtruth.store.json_values import pack
from groundtruth.store.recipe_data import recipe_data
from groundtruth.store.tabulate import tabulate
from groundtruth.store.trained_schema import FORM, WeightsDtype
from groundtruth.store.witness_data import witness_data
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certificate import AblationRecord, Certificate, Claim, EdgeRecord
from groundtruth.trained.correspondence import Correspondence
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights


def save_trained(model: TrainedModel, folder: str | Path) -> None:
    """Write ``model.safetensors``, ``model.json`` and ``truth.json``; a model without a certificate is certified first.

    Weights are stored in float32 where that loses nothing of any of them, else in float64. So what is stored is what
    was certified, to the bit. Nothing is replaced before all three files lie ready beside the old ones.

    Args:
        model: The model.
        folder: Made if it is not there; files of these names in it are replaced.

    Raises:
        DomainError: If the model has no certificate and its domain is too large to enumerate.
    """
    folder, dtype = Path(folder), exact_dtype(model.weights)
    # Weights first, then what describes them with their hash, then what was proven with the description's hash.
    arrays = model.weights.to(getattr(torch, dtype)).tensors
    weights = to_safetensors({name: np.ascontiguousarray(value.detach().numpy()) for name, value in arrays.items()})
    described = to_json(_model_data(model, dtype, sha256(weights)))
    truth = to_json(_truth_data(model, model.certificate, sha256(described)))
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as waiting:
        for name, content in ((WEIGHTS, weights), (MODEL, described), (TRUTH, truth)):
            write_beside(folder / name, content, waiting)


def exact_dtype(weights: TrainedWeights) -> WeightsDtype:
    """The smallest dtype that holds every weight exactly."""
    exact = all(torch.equal(value.float().double(), value.double()) for value in weights.tensors.values())
    return "float32" if exact else "float64"


def _model_data(model: TrainedNetwork, dtype: WeightsDtype, weights_sha256: str) -> dict[str, Any]:
    inputs, length = model.domain.enumerate(), model.domain.max_seq_len
    training = model.training
    return {
        "schema_version": SCHEMA_VERSION,
        "form": FORM,
        "name": model.name,
        "description": model.description,
        "family": model.family,
        "architecture": _architecture_data(model.architecture),
        "correspondence": _correspondence_data(model.correspondence),
        "training": {
            "kind": training.kind,
            "seed": training.seed,
            "steps": training.steps,
            "settings": {name: pack(value) for name, value in training.settings.items()},
        },
        **({"recipe": recipe_data(model.recipe)} if model.recipe else {}),
        "token_values": [pack(value) for value in model.token_values],
        "output_values": [pack(value) for value in model.decoder.values],
        **({"centered": True} if model.decoder.centered else {}),
        "domain": domain_data(model.domain),
        "program": tabulate(model.program, inputs, max_seq_len=length, causal=model.causal),
        "rasp_source": model.rasp_source,
        "weights_dtype": dtype,
        "weights_sha256": weights_sha256,
    }


def _architecture_data(shape: Architecture) -> dict[str, Any]:
    """The sizes and kinds of an architecture; what only imported models have is left out elsewhere."""
    usual = {"activation": "gelu_new", "attention_biases": False}
    return {name: value for name, value in asdict(shape).items() if usual.get(name, ...) != value}


def _correspondence_data(correspondence: Correspondence) -> dict[str, Any]:
    spares = {spare.component: spare.variable for spare in correspondence.spares}
    return {
        "units": [
            {
                "expressions": list(unit.expressions),
                "components": list(unit.components),
                "reads": [f"{source}->{destination}" for source, destination in unit.reads],
                **({"sharing": unit.sharing} if unit.sharing != "single" else {}),
            }
            for unit in correspondence.units
        ],
        "output": list(correspondence.output),
        **({"spares": spares} if spares else {}),
        **({"folded": list(correspondence.folded)} if correspondence.folded else {}),
    }


def _truth_data(model: TrainedNetwork, certificate: Certificate, model_sha256: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "form": FORM,
        "name": model.name,
        "model_sha256": model_sha256,
        "inputs": certificate.inputs,
        "seed": certificate.seed,
        "behaviour": _claim_data(certificate.behaviour),
        "ablations": [_record_data(record) for record in certificate.records],
        "interchanges": [
            {
                "expressions": list(item.expressions),
                "components": list(item.components),
                **_claim_data(item.claim),
                **({"partly": item.partly} if item.partly else {}),
            }
            for item in certificate.interchanges
        ],
        "run": {
            "cells": certificate.cells,
            "rechecked": certificate.rechecked,
            "float32_error": certificate.float32_error,
            "seconds": certificate.seconds,
        },
    }


def _record_data(record: AblationRecord) -> dict[str, Any]:
    live = tuple(found.edge for found in record.of_status("live"))
    only_live = record.sufficiency.holds and record.minimal_circuits == (live,)
    circuits = [] if only_live else [[str(edge) for edge in edges] for edges in record.minimal_circuits]
    return {
        "ablation": record.ablation,
        "edges": {str(found.edge): _edge_data(found) for found in record.edges},
        "joint": _claim_data(record.joint),
        "subsets": _claim_data(record.subsets),
        "sufficiency": {"holds": bool(record.sufficiency.holds), "runs": record.sufficiency.runs},
        "minimal_circuits": circuits,
        "complete": record.complete,
    }


def _edge_data(record: EdgeRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"status": record.status, "proof": record.proof, **_claim_data(record.claim)}
    if record.moved:
        data["moved"] = record.moved
    if record.witness is not None:
        data["witness"] = witness_data(record.witness)
    return data


def _claim_data(claim: Claim) -> dict[str, Any]:
    data: dict[str, Any] = {"runs": claim.runs}
    if claim.wrong:
        data["wrong"] = claim.wrong
    if claim.margin != float("inf"):
        data["margin"] = claim.margin
    if claim.worst:
        data["worst"] = [[pack(token) for token in tokens] for tokens in claim.worst]
    return data
