"""The shipped models, variants and trained models: where they lie, and the indices of what they are."""

from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json, to_json, write_whole
from groundtruth.store.parsed_files import MODEL
from groundtruth.store.read import read_circuits, read_model
from groundtruth.store.read_trained import read_certificate, read_trained_network
from groundtruth.store.schema import SummaryData
from groundtruth.store.trained_schema import TrainedSummaryData
from mib.errors import did_you_mean

Entry = TypeVar("Entry", bound=BaseModel)

INDEX = "index.json"
TRAINED = "trained"
"""The folder of the shipped trained models, and the tier that they are."""

LAYERNORM = "layernorm"
"""The folder of the shipped models behind LayerNorm, stored as trained ones are, and the tier that they are."""

LARGE = "large"
"""The folder of the shipped models whose domains are too large to be run whole."""

LEARNED = "learned"
"""The folder of the shipped models of programs that were learned by gradient descent."""

_SUMMARIES = TypeAdapter(list[SummaryData])
_TRAINED_SUMMARIES = TypeAdapter(list[TrainedSummaryData])


def library() -> Path:
    """The folder of the shipped models."""
    return Path(str(resources.files("compiled_models")))


def shipped() -> list[str]:
    """The names of the shipped models, sorted."""
    return sorted(path.parent.name for path in library().glob(f"*/{MODEL}"))


def variants_folder() -> Path:
    """The folder of the shipped variants."""
    return library() / "variants"


def shipped_variants() -> list[str]:
    """The names of the shipped variants, such as ``hist@rotated``, sorted."""
    return sorted(path.parent.name for path in variants_folder().glob(f"*@*/{MODEL}"))


def trained_folder() -> Path:
    """The folder of the shipped trained models."""
    return library() / TRAINED


def shipped_trained() -> list[str]:
    """The names of the shipped trained models, such as ``second_step@free-7``, sorted."""
    return sorted(path.parent.name for path in trained_folder().glob(f"*@*/{MODEL}"))


def layernorm_folder() -> Path:
    """The folder of the shipped models behind LayerNorm."""
    return library() / LAYERNORM


def shipped_layernorm() -> list[str]:
    """The names of the shipped models behind LayerNorm, such as ``hist@layernorm``, sorted."""
    return sorted(path.parent.name for path in layernorm_folder().glob(f"*@*/{MODEL}"))


def large_folder() -> Path:
    """The folder of the shipped models whose domains are too large to be run whole."""
    return library() / LARGE


def shipped_large() -> list[str]:
    """The names of the shipped models with large domains, sorted."""
    return sorted(path.parent.name for path in large_folder().glob(f"*/{MODEL}"))


def learned_folder() -> Path:
    """The folder of the shipped models of programs that were learned by gradient descent."""
    return library() / LEARNED


def shipped_learned() -> list[str]:
    """The names of the shipped models of learned programs, sorted."""
    return sorted(path.parent.name for path in learned_folder().glob(f"*/{MODEL}"))


def every_shipped() -> list[str]:
    """The names of all models that ship: compiled ones, variants, those behind LayerNorm, trained ones."""
    kinds = (shipped, shipped_large, shipped_learned, shipped_variants, shipped_layernorm, shipped_trained)
    return [name for names_of in kinds for name in names_of()]


def stored(name: str) -> Path | None:
    """The folder of a shipped model, variant or trained model; ``None`` if none has that name.

    A trained model may be named with the folder that they ship in, ``trained/second_step@free-7``.
    """
    bare = name.removeprefix(f"{TRAINED}/")
    if not bare or Path(bare).name != bare:
        return None
    variants = [variants_folder(), trained_folder(), layernorm_folder()]
    places = variants if "@" in bare else [library(), large_folder(), learned_folder()]
    folders = [place / bare for place in (places if bare == name else [trained_folder()])]
    return next((folder for folder in folders if (folder / MODEL).is_file()), None)


def find_folder(name: str | Path) -> Path:
    """The folder of a shipped model, variant or trained model by its name, or of any stored model by its path.

    Args:
        name: Such as ``"reverse"``, ``"hist@rotated"`` or ``"second_step@free-7"``, or a path to a folder.

    Raises:
        ArtifactError: If there is none; the message offers the closest names.
    """
    folder = Path(name)
    if isinstance(name, str) and (found := stored(name)) is not None:
        folder = found
    elif not str(name) or not folder.is_dir():
        known = [*shipped_variants(), *shipped_trained(), *shipped_layernorm()] if "@" in str(name) else shipped()
        hint = did_you_mean(str(name), [*known, *shipped_large(), *shipped_learned()])
        raise ArtifactError(
            f"unknown model '{name}'.{hint} `groundtruth models` lists all {len(known)}; "
            "a folder with a stored model works too."
        )
    return folder


def summaries() -> list[dict[str, Any]]:
    """One entry for each shipped model, from the index: name, family, description, sizes, domain, live edges.

    Raises:
        ArtifactError: If the index is missing or is not what ``write_index`` writes.
    """
    return [entry.model_dump() for entry in _indexed(library() / INDEX, _SUMMARIES)]


def folder_summaries(folder: Path) -> list[dict[str, Any]]:
    """The same entry for each model in a folder without an index, from the models themselves."""
    return [
        SummaryData.model_validate(_summary(path.parent)).model_dump() for path in sorted(folder.glob(f"*/{MODEL}"))
    ]


def trained_summaries(tier: str = TRAINED) -> list[dict[str, Any]]:
    """One entry for each shipped trained model, or model behind LayerNorm, from the index; none where none ship.

    Raises:
        ArtifactError: If the index is not what ``write_trained_index`` writes.
    """
    path = library() / tier / INDEX
    if not path.is_file() and not (shipped_layernorm() if tier == LAYERNORM else shipped_trained()):
        return []
    return [entry.model_dump() for entry in _indexed(path, _TRAINED_SUMMARIES)]


def _indexed(path: Path, entries: TypeAdapter[list[Entry]]) -> list[Entry]:
    try:
        return entries.validate_python(from_json(path.read_bytes())["models"])
    except ValidationError as error:
        raise ArtifactError(f"cannot read the index {path}: {_first(error)}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"cannot read the index {path}: {error}.") from error


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)[0]
    return f"models.{'.'.join(map(str, found['loc']))}: {found['msg']}"


def write_index(folder: Path) -> None:
    """Write the index of the models in a folder.

    Args:
        folder: One that holds a folder a model.
    """
    paths = sorted(path.parent for path in folder.glob(f"*/{MODEL}"))
    write_whole(folder / INDEX, to_json({"schema_version": 1, "models": [_summary(path) for path in paths]}))


def write_trained_index(folder: Path) -> None:
    """Write the index of the trained models in a folder.

    Args:
        folder: One that holds a folder a model.
    """
    paths = sorted(path.parent for path in folder.glob(f"*@*/{MODEL}"))
    write_whole(folder / INDEX, to_json({"schema_version": 1, "models": [_trained_summary(path) for path in paths]}))


def _summary(folder: Path) -> dict[str, Any]:
    model = read_model(folder)
    w = model.weights
    return {
        "name": model.name,
        "family": model.family,
        "description": model.description,
        "layers": w.n_layers,
        "heads": w.n_heads,
        "d_model": w.d_model,
        "d_mlp": w.d_mlp,
        "domain": str(model.domain),
        "inputs": model.check.inputs,
        "causal": model.causal,
        "pad_safe": model.pad_safe,
        "output": "categorical" if model.decoder.categorical else "numerical",
        "edges": len(model.graph.edges),
        "live": {f"{c.ablation}/{c.lengths}": len(c.edges) for c in read_circuits(folder, model.graph)},
    }


def _trained_summary(folder: Path) -> dict[str, Any]:
    network = read_trained_network(folder)
    found = read_certificate(folder, network)
    shape, margin = network.architecture, found.behaviour.margin
    return {
        "name": network.name,
        "program": network.name.partition("@")[0],
        "family": network.family,
        "description": network.description,
        "kind": network.training.kind,
        "seed": network.training.seed,
        "architecture": str(shape),
        "layers": shape.n_layers,
        "heads": shape.n_heads,
        "d_model": shape.d_model,
        "domain": str(network.domain),
        "inputs": found.inputs,
        "edges": len(network.graph.edges),
        "live": {record.ablation: len(record.of_status("live")) for record in found.records},
        "redundant": {
            record.ablation: sum(truth.redundant for truth in found.circuit(network, record.ablation).truths)
            for record in found.records
        },
        "margin": None if margin == float("inf") else margin,
        "interchange_accuracy": min((item.accuracy for item in found.interchanges), default=None),
        "certified": not found.unmet(network),
    }
