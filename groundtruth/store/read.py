"""Read a compiled model and its proven circuits from a folder; nothing is unpickled and no code is run."""

from pathlib import Path

import torch

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.forward import Weights
from groundtruth.compiled.network import Check, CompiledNetwork
from groundtruth.compiled.provenance import Direction, Head, Neuron, Provenance
from groundtruth.compiled.settings import Settings
from groundtruth.errors import ArtifactError, DomainError, ProofError
from groundtruth.files import sha256
from groundtruth.store.consistency import require_consistent
from groundtruth.store.domain_data import read_domain
from groundtruth.store.file_names import FRAME, MODEL, TRUTH, WEIGHTS
from groundtruth.store.json_values import unpack
from groundtruth.store.parsed_files import file_content, parse_json_file, read_arrays
from groundtruth.store.rebuild import rebuild
from groundtruth.store.recipe_data import read_recipe
from groundtruth.store.schema import CircuitData, EdgeData, ModelData, TruthData
from groundtruth.store.variable_data import variable_truth
from groundtruth.store.witness_data import read_witness
from groundtruth.store.write import whole_circuits
from groundtruth.truth.circuits.circuit import (
    Circuit,
    EdgeTruth,
    Reason,
    Sufficiency,
    require_coherent,
)
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.errors import did_you_mean
from mib.graph import Edge, Graph


def read_model(folder: Path) -> CompiledNetwork:
    """The model in a folder.

    Raises:
        ArtifactError: If a file is missing, malformed, of another schema, not what its hash says, or does not fit the
            others.
    """
    data = parse_json_file(ModelData, folder / MODEL)
    arrays = read_arrays(folder / WEIGHTS, data.weights_sha256, of="a compiled model")
    try:
        require_consistent(data, arrays)
        program = rebuild(data.program)
        domain = read_domain(data.domain, whole=data.check.exhaustive)
    except (ArtifactError, DomainError) as error:
        raise ArtifactError(f"{folder / MODEL}: {error}") from error
    return CompiledNetwork(
        name=data.name,
        program=program,
        weights=Weights.from_arrays(arrays, causal=data.causal),
        token_values=tuple(unpack(value) for value in data.token_values),
        decoder=Decoder(tuple(unpack(value) for value in data.output_values), centered=data.centered),
        provenance=_provenance(data),
        domain=domain,
        check=Check(data.check.inputs, data.check.exhaustive, data.check.seed),
        description=data.description,
        family=data.family,
        rasp_source=data.rasp_source,
        padding=data.pad_safe,
        certainty=data.certainty,
        frame=torch.from_numpy(arrays[FRAME]) if FRAME in arrays else None,
        settings=Settings(**data.settings.model_dump(exclude_unset=True)),
        recipe=read_recipe(data.recipe),
    )


def read_circuits(folder: Path, graph: Graph) -> list[Circuit]:
    """The proven circuits in a folder.

    Raises:
        ArtifactError: If the file is missing, malformed, of another model, or does not speak of every edge.
    """
    path = folder / TRUTH
    data = _truth(folder)
    kinds = [(circuit.ablation, circuit.lengths) for circuit in data.circuits]
    for ablation, lengths in kinds:
        if kinds.count((ablation, lengths)) > 1:
            raise ArtifactError(f"{path}: circuit {ablation}/{lengths} comes twice.")
    return [_circuit(circuit, data, graph, path) for circuit in data.circuits]


def read_variables(folder: Path, model: CompiledNetwork) -> list[VariableTruth]:
    """The proven variables in a folder; none if none were proven.

    Args:
        folder: Folder of the model.
        model: The model that was read from it.

    Raises:
        ArtifactError: If the file is missing, malformed, of another model, or speaks of what the model does not have.
    """
    data = _truth(folder)
    try:
        return [variable_truth(variable, model) for variable in data.variables]
    except ArtifactError as error:
        raise ArtifactError(f"{folder / TRUTH}: {error}") from error


def read_holds(folder: Path, model: CompiledNetwork) -> tuple[list[str], bool]:
    """Find which circuits, as ``ablation/lengths``, and whether variables, the truth in a folder says that it holds.

    Args:
        folder: Folder of the model.
        model: The model that was read from it.

    Raises:
        ArtifactError: If the file is missing, malformed or of another model.
    """
    data = _truth(folder)
    if data.name != model.name:
        raise ArtifactError(f"{folder / TRUTH} is about '{data.name}', {MODEL} about '{model.name}'.")
    if data.holds is not None:
        return data.holds.circuits, data.holds.variables
    return whole_circuits(model), model.certainty == "exact"


def _truth(folder: Path) -> TruthData:
    """Return what is known of the model in a folder.

    Raises:
        ArtifactError: If it is known of another model.
    """
    path = folder / TRUTH
    data = parse_json_file(TruthData, path)
    if data.model_sha256 != sha256(file_content(folder / MODEL)):
        raise ArtifactError(f"{path} was proven of another {MODEL} (its SHA-256 differs). Prove it again.")
    return data


def _provenance(data: ModelData) -> Provenance:
    return Provenance(
        directions=tuple(Direction(n, kind, e, unpack(v)) for n, kind, e, v in data.directions),
        heads=tuple(Head(*item) for item in data.heads),
        neurons=tuple(Neuron(*item) for item in data.neurons),
    )


def _circuit(data: CircuitData, truth: TruthData, graph: Graph, path: Path) -> Circuit:
    absent = set(truth.absent)
    # Every edge of the graph must be spoken of: a claim that is left out could not be found false.
    known = {str(edge): edge for edge in graph.edges}
    where = f"{path}: circuit {data.ablation}/{data.lengths}"
    joint = {name for names in data.minimal_circuits for name in names}
    unknown = (absent | set(data.edges) | joint) - set(known)
    if unknown:
        name = min(unknown)
        raise ArtifactError(f"{where}: unknown edge '{name}'.{did_you_mean(name, known)}")
    if twice := absent & set(data.edges):
        raise ArtifactError(f"{where}: edge '{min(twice)}' is both absent and not.")
    truths: list[EdgeTruth] = []
    for name, edge in known.items():
        if name in absent:
            truths.append(EdgeTruth(edge, "absent", "zero", Reason("nothing", (), ())))
        elif name in data.edges and name in truth.reasons:
            carries, travels, used_for = truth.reasons[name]
            truths.append(_edge_truth(edge, data.edges[name], Reason(carries, tuple(travels), tuple(used_for))))
        else:
            raise ArtifactError(f"{where}: nothing is said of edge '{name}'. Every edge needs a status and a reason.")
    minimal: tuple[tuple[Edge, ...], ...] = tuple(
        tuple(known[name] for name in names) for names in data.minimal_circuits
    )
    undecided = sum(t.status == "undecided" for t in truths)
    circuit = Circuit(
        graph=graph,
        ablation=data.ablation,
        lengths=data.lengths,
        inputs=data.inputs,
        exhaustive=data.exhaustive,
        truths=tuple(truths),
        sufficiency=Sufficiency(data.sufficiency.holds, data.sufficiency.by, data.sufficiency.runs, undecided),
        minimal_circuits=minimal or (tuple(t.edge for t in truths if t.status == "live"),),
        complete=data.complete,
    )
    try:
        # What contradicts itself is refused here, so that whoever holds a circuit need not check it again.
        require_coherent(circuit)
    except ProofError as error:
        raise ArtifactError(f"{path}: {error}") from None
    return circuit


def _edge_truth(edge: Edge, data: EdgeData, why: Reason) -> EdgeTruth:
    return EdgeTruth(edge, data.status, data.proof, why, data.tried, read_witness(data.witness), data.redundant)
