"""Read a compiled model and its proven circuits from a folder; nothing is unpickled and no code is run."""

import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors

from groundtruth.artifacts.schema import SCHEMA_VERSION, CircuitData, DomainData, EdgeData, ModelData, TruthData
from groundtruth.artifacts.tabulating import rebuild, unpack
from groundtruth.artifacts.writing import MODEL, TRUTH, WEIGHTS, sha256
from groundtruth.circuit import Circuit, EdgeTruth, Reason, Sufficiency, Witness
from groundtruth.decoding import Decoder
from groundtruth.domain import Domain, Tokens
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.forward import NAMES, Weights
from groundtruth.model import Check, CompiledModel
from groundtruth.provenance import Direction, Head, Neuron, Provenance
from mib.graph import Edge, Graph

Data = TypeVar("Data", bound=BaseModel)


def read_model(folder: Path) -> CompiledModel:
    """The model in a folder.

    Raises:
        ArtifactError: If a file is missing, malformed, of another schema, or not what its hash says.
    """
    data = _parsed(ModelData, folder / MODEL)
    content = _content(folder / WEIGHTS)
    if sha256(content) != data.weights_sha256:
        raise ArtifactError(
            f"{folder / WEIGHTS} is not the file that {MODEL} describes (its SHA-256 differs). Restore both files."
        )
    try:
        arrays = from_safetensors(content)
        weights = Weights.from_arrays({name: arrays[name].astype(np.float64) for name in NAMES}, causal=data.causal)
    except (SafetensorError, KeyError) as error:
        raise ArtifactError(f"{folder / WEIGHTS} does not hold the weights of a compiled model: {error}.") from error
    return CompiledModel(
        name=data.name,
        program=rebuild(data.program),
        weights=weights,
        token_values=tuple(unpack(value) for value in data.token_values),
        decoder=Decoder(tuple(unpack(value) for value in data.output_values)),
        provenance=_provenance(data),
        domain=_domain(data.domain, folder),
        check=Check(data.check.inputs, data.check.exhaustive, data.check.seed),
        description=data.description,
        family=data.family,
        rasp_source=data.rasp_source,
        pad_safe=data.pad_safe,
        folder=folder,
    )


def read_circuits(folder: Path, graph: Graph) -> list[Circuit]:
    """The proven circuits in a folder.

    Raises:
        ArtifactError: If the file is missing, malformed, of another model, or does not speak of every edge.
    """
    path = folder / TRUTH
    data = _parsed(TruthData, path)
    if data.model_sha256 != sha256(_content(folder / MODEL)):
        raise ArtifactError(f"{path} was proven of another {MODEL} (its SHA-256 differs). Prove it again.")
    return [_circuit(circuit, data, graph, path) for circuit in data.circuits]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror}. A model is a folder with {WEIGHTS}, {MODEL}, {TRUTH}."
        ) from error


def _parsed(kind: type[Data], path: Path) -> Data:
    try:
        raw: Any = json.loads(_content(path))
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}.") from error
    version: Any = raw.get("schema_version") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType]
    if version != SCHEMA_VERSION:
        raise ArtifactError(f"{path} has schema_version {version!r}; this version reads {SCHEMA_VERSION}.")
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: {place}: {first['msg']}.") from error


def _domain(data: DomainData, folder: Path) -> Domain:
    vocab = tuple(data.vocab)
    try:
        if data.inputs is None:
            return Domain(vocab, data.max_seq_len, min_seq_len=data.min_seq_len)
        allowed = {tuple(vocab[i] for i in item) for item in data.inputs}

        def valid(tokens: Tokens) -> bool:
            return tokens in allowed

        return Domain(vocab, data.max_seq_len, min_seq_len=data.min_seq_len, valid=valid, valid_text=data.valid_text)
    except (DomainError, IndexError) as error:
        raise ArtifactError(f"{folder / MODEL}: domain: {error}") from error


def _provenance(data: ModelData) -> Provenance:
    return Provenance(
        directions=tuple(Direction(n, kind, e, unpack(v)) for n, kind, e, v in data.directions),  # pyright: ignore[reportArgumentType]
        heads=tuple(Head(*item) for item in data.heads),  # pyright: ignore[reportArgumentType]
        neurons=tuple(Neuron(*item) for item in data.neurons),  # pyright: ignore[reportArgumentType]
    )


def _circuit(data: CircuitData, truth: TruthData, graph: Graph, path: Path) -> Circuit:
    absent = set(truth.absent)
    names = [str(edge) for edge in graph.edges]
    where = f"{path}: circuit {data.ablation}/{data.lengths}"
    unknown = (absent | set(data.edges)) - set(names)
    twice = absent & set(data.edges)
    for problem, found in (("unknown edge", unknown), ("edge both absent and present", twice)):
        if found:
            raise ArtifactError(f"{where}: {problem} '{min(found)}'.")
    truths: list[EdgeTruth] = []
    for edge, name in zip(graph.edges, names, strict=True):
        if name in absent:
            truths.append(EdgeTruth(edge, "absent", "zero", Reason("nothing", (), ())))
        elif name in data.edges and name in truth.reasons:
            carries, travels, used_for = truth.reasons[name]
            why = Reason(carries, tuple(travels), tuple(used_for))  # pyright: ignore[reportArgumentType]
            truths.append(_edge_truth(edge, data.edges[name], why))
        else:
            raise ArtifactError(f"{where}: nothing is said of edge '{name}'. Every edge needs a status and a reason.")
    live = tuple(t.edge for t in truths if t.status == "live")
    minimal = tuple(tuple(Edge.parse(name) for name in names) for names in data.minimal_circuits)
    return Circuit(
        graph=graph,
        ablation=data.ablation,
        lengths=data.lengths,
        inputs=data.inputs,
        exhaustive=data.exhaustive,
        truths=tuple(truths),
        sufficiency=Sufficiency(data.sufficiency.holds, data.sufficiency.by, data.sufficiency.runs),
        minimal_circuits=minimal or (live,),
        complete=data.complete,
    )


def _edge_truth(edge: Edge, data: EdgeData, why: Reason) -> EdgeTruth:
    witness = None
    if data.witness is not None:
        clean, counterfactual, output, cut_output = (
            None if part is None else tuple(unpack(value) for value in part) for part in data.witness
        )
        witness = Witness(clean or (), counterfactual, output or (), cut_output or ())
    return EdgeTruth(edge, data.status, data.proof, why, data.tried, witness, data.redundant)
