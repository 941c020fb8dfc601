"""Read a trained model and its certificate from a folder; nothing is unpickled and no code is run."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.compiled.decoder import Decoder
from groundtruth.errors import ArtifactError, DomainError, GroundTruthError
from groundtruth.files import from_json, sha256
from groundtruth.rasp.expressions import walk
from groundtruth.store.consistency import require_values
from groundtruth.store.domain_data import read_domain
from groundtruth.store.file_names import MODEL, TRUTH, WEIGHTS
from groundtruth.store.json_values import unpack
from groundtruth.store.parsed_files import file_content, parse_json_file, read_arrays
from groundtruth.store.rebuild import rebuild
from groundtruth.store.recipe_data import read_recipe
from groundtruth.store.trained_schema import (
    FORM,
    AblationRecordData,
    ClaimData,
    CorrespondenceData,
    EdgeRecordData,
    TrainedModelData,
    TrainedTruthData,
)
from groundtruth.store.witness_data import read_witness
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certificate import AblationRecord, Certificate, Claim, EdgeRecord, InterchangeRecord
from groundtruth.trained.correspondence import Correspondence, Spare, Unit
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.truth.circuits.circuit import Sufficiency
from mib.errors import did_you_mean
from mib.graph import Edge


def is_trained(folder: Path) -> bool:
    """Tell whether a folder holds a trained model; a file that cannot be read is left to its reader to refuse."""
    try:
        raw: Any = from_json((folder / MODEL).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and raw.get("form") == FORM  # pyright: ignore[reportUnknownMemberType]


def read_trained_network(folder: Path) -> TrainedNetwork:
    """The trained network in a folder.

    Raises:
        ArtifactError: If a file is missing, malformed, of another schema, not what its hash says, or does not fit the
            others.
    """
    path = folder / MODEL
    data = parse_json_file(TrainedModelData, path)
    arrays = read_arrays(folder / WEIGHTS, data.weights_sha256, of="a trained model")
    try:
        _require_arrays(data, arrays)
        require_values(data)
        if not data.output_values:
            raise ArtifactError("output_values is empty; a trained model's output is one of several values.")
        network = TrainedNetwork(
            name=data.name,
            program=rebuild(data.program),
            token_values=tuple(unpack(value) for value in data.token_values),
            decoder=Decoder(tuple(unpack(value) for value in data.output_values), centered=data.centered),
            domain=read_domain(data.domain, whole=True),
            correspondence=_correspondence(data.correspondence),
            architecture=Architecture(**data.architecture.model_dump()),
            weights=TrainedWeights.of({name: torch.from_numpy(array).double() for name, array in arrays.items()}),
            training=TrainingRecipe(
                data.training.kind,
                data.training.seed,
                data.training.steps,
                {name: unpack(value) for name, value in data.training.settings.items()},
            ),
            description=data.description,
            family=data.family,
            rasp_source=data.rasp_source,
            recipe=read_recipe(data.recipe),
        )
        _require_expressions(network)
    except GroundTruthError as error:
        raise ArtifactError(f"{path}: {error}") from error
    return network


def read_certificate(folder: Path, network: TrainedNetwork) -> Certificate:
    """The certificate in a folder.

    Args:
        folder: Folder that the model is stored in.
        network: The network that was read from it.

    Raises:
        ArtifactError: If the file is missing, malformed, of another model, or does not speak of every edge and unit.
    """
    path = folder / TRUTH
    data = parse_json_file(TrainedTruthData, path)
    if data.model_sha256 != sha256(file_content(folder / MODEL)):
        raise ArtifactError(f"{path} was proven of another {MODEL} (its SHA-256 differs). Certify it again.")
    if data.name != network.name:
        raise ArtifactError(f"{path} is about '{data.name}', {MODEL} about '{network.name}'.")
    # All units, in their order: a certificate that leaves one out would pass for one of fewer variables.
    there = [(tuple(item.expressions), tuple(item.components)) for item in data.interchanges]
    if there != [(unit.expressions, unit.components) for unit in network.correspondence.units]:
        raise ArtifactError(f"{path}: interchanges: they are not those of the units of {MODEL}, in its order.")
    return Certificate(
        inputs=data.inputs,
        behaviour=_claim(data.behaviour),
        records=tuple(_record(record, network, path) for record in data.ablations),
        interchanges=tuple(
            InterchangeRecord(expressions, components, _claim(item), item.partly)
            for (expressions, components), item in zip(there, data.interchanges, strict=True)
        ),
        seed=data.seed,
        cells=data.run.cells,
        rechecked=data.run.rechecked,
        float32_error=data.run.float32_error,
        seconds=data.run.seconds,
    )


def _require_arrays(data: TrainedModelData, arrays: dict[str, NDArray[np.float64]]) -> None:
    unknown = sorted(set(arrays) - set(TrainedWeights.__dataclass_fields__))
    if unknown:
        raise ArtifactError(f"{WEIGHTS} holds '{unknown[0]}', which no trained model has.")
    for name, array in arrays.items():
        if array.dtype != np.dtype(data.weights_dtype):
            raise ArtifactError(f"weight '{name}' is {array.dtype}; weights_dtype says {data.weights_dtype}.")
        if not np.isfinite(array).all():
            raise ArtifactError(f"weight '{name}' holds numbers that are not finite.")
    missing = [name for name in ("W_E", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U") if name not in arrays]
    if missing:
        raise ArtifactError(f"{WEIGHTS} lacks {', '.join(missing)}.")


def _require_expressions(network: TrainedNetwork) -> None:
    """See that the correspondence speaks of expressions that there are, and that the domain can be enumerated."""
    labels = {expression.label for expression in walk(network.program)}
    units = network.correspondence.units
    for label in [*(label for unit in units for label in unit.expressions), *network.correspondence.folded]:
        if label not in labels:
            raise ArtifactError(
                f"correspondence: the program has no expression '{label}'.{did_you_mean(label, labels)}"
            )
    if network.domain.size is None:
        raise DomainError("the domain is too large to enumerate, so nothing can be certified on it.")


def _correspondence(data: CorrespondenceData) -> Correspondence:
    units = tuple(
        Unit(tuple(unit.expressions), tuple(unit.components), tuple(map(_ends, unit.reads)), unit.sharing)
        for unit in data.units
    )
    spares = tuple(Spare(component, variable) for component, variable in data.spares.items())
    return Correspondence(units, tuple(data.output), spares, tuple(data.folded))


def _ends(edge: str) -> tuple[str, str]:
    source, arrow, destination = edge.partition("->")
    if not arrow:
        raise ArtifactError(f"correspondence: '{edge}' is no edge; an edge is written such as m0->a1.h0<k>.")
    return source, destination


def _record(data: AblationRecordData, network: TrainedNetwork, path: Path) -> AblationRecord:
    known = {str(edge): edge for edge in network.graph.edges}
    where = f"{path}: {data.ablation}"
    joint = {name for names in data.minimal_circuits for name in names}
    if unknown := (set(data.edges) | joint) - set(known):
        raise ArtifactError(f"{where}: unknown edge '{min(unknown)}'.{did_you_mean(min(unknown), known)}")
    if missing := [name for name in known if name not in data.edges]:
        raise ArtifactError(f"{where}: nothing is said of edge '{missing[0]}'. Every edge needs a status and a proof.")
    live = tuple(edge for name, edge in known.items() if data.edges[name].status == "live")
    circuits: tuple[tuple[Edge, ...], ...] = tuple(
        tuple(known[name] for name in names) for names in data.minimal_circuits
    )
    # That a circuit is minimal is shown by runs, in verification; that it holds another one needs none.
    sufficient = [frozenset(circuit) for circuit in circuits] + ([frozenset(live)] if data.sufficiency.holds else [])
    if larger := [circuit for circuit in circuits if any(other < set(circuit) for other in sufficient)]:
        raise ArtifactError(
            f"{where}: a circuit of {len(larger[0])} edges is called minimal, and holds a smaller one that suffices."
        )
    return AblationRecord(
        ablation=data.ablation,
        edges=tuple(_edge(edge, data.edges[name]) for name, edge in known.items()),
        joint=_claim(data.joint),
        subsets=_claim(data.subsets),
        sufficiency=Sufficiency(data.sufficiency.holds, "exhaustive", data.sufficiency.runs),
        minimal_circuits=(live,) if data.sufficiency.holds and not circuits else circuits,
        complete=data.complete,
    )


def _edge(edge: Edge, data: EdgeRecordData) -> EdgeRecord:
    return EdgeRecord(edge, data.status, data.proof, _claim(data), data.moved, read_witness(data.witness))


def _claim(data: ClaimData) -> Claim:
    worst = tuple(tuple(unpack(token) for token in tokens) for tokens in data.worst)
    return Claim(data.runs, data.wrong, float("inf") if data.margin is None else data.margin, worst)
