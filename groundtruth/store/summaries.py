"""The indices of the models that ship: what each is, read without reading the models."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json
from groundtruth.store import catalog
from groundtruth.store.summary_schema import SummaryData, TrainedSummaryData

INDEX = "index.json"
"""The file of a folder that says what its models are."""

Entry = TypeVar("Entry", bound=BaseModel)

_SUMMARIES = TypeAdapter(list[SummaryData])
_TRAINED_SUMMARIES = TypeAdapter(list[TrainedSummaryData])


def summaries() -> list[dict[str, Any]]:
    """One entry for each shipped model, from the index: name, family, description, sizes, domain, live edges.

    Raises:
        ArtifactError: If the index is missing or is not what ``write_index`` writes.
    """
    return [entry.model_dump() for entry in _indexed(catalog.library() / INDEX, _SUMMARIES)]


def trained_summaries(tier: str = catalog.TRAINED) -> list[dict[str, Any]]:
    """One entry for each shipped trained model, or model behind LayerNorm, from the index; none where none ship.

    Raises:
        ArtifactError: If the index is not what ``write_trained_index`` writes.
    """
    path = catalog.library() / tier / INDEX
    if not path.is_file() and not (
        catalog.shipped_layernorm() if tier == catalog.LAYERNORM else catalog.shipped_trained()
    ):
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
