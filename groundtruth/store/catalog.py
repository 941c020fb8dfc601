"""The shipped models and variants: where they lie, and the index of what they are."""

from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json, to_json, write_whole
from groundtruth.store.read import read_circuits, read_model
from groundtruth.store.schema import SummaryData
from groundtruth.store.write import MODEL
from mib.errors import did_you_mean

INDEX = "index.json"
_SUMMARIES = TypeAdapter(list[SummaryData])


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


def stored(name: str) -> Path | None:
    """The folder of a shipped model or variant; ``None`` if none has that name."""
    if not name or Path(name).name != name:
        return None
    folder = (variants_folder() if "@" in name else library()) / name
    return folder if (folder / MODEL).is_file() else None


def find_folder(name: str | Path) -> Path:
    """The folder of a shipped model or variant by its name, or of any stored model by its path.

    Args:
        name: Such as ``"reverse"`` or ``"hist@rotated"``, or a path to a folder.

    Raises:
        ArtifactError: If there is none; the message offers the closest names.
    """
    folder = Path(name)
    if isinstance(name, str) and (found := stored(name)) is not None:
        folder = found
    elif not str(name) or not folder.is_dir():
        known = shipped_variants() if "@" in str(name) else shipped()
        raise ArtifactError(
            f"unknown model '{name}'.{did_you_mean(str(name), known)} `groundtruth models` lists all {len(known)}; "
            "a folder with a stored model works too."
        )
    return folder


def summaries() -> list[dict[str, Any]]:
    """One entry for each shipped model, from the index: name, family, description, sizes, domain, live edges.

    Raises:
        ArtifactError: If the index is missing or is not what ``write_index`` writes.
    """
    path = library() / INDEX
    try:
        entries = _SUMMARIES.validate_python(from_json(path.read_bytes())["models"])
    except ValidationError as error:
        raise ArtifactError(f"cannot read the index {path}: {_first(error)}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"cannot read the index {path}: {error}.") from error
    return [entry.model_dump() for entry in entries]


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
