"""Read results of a track from the JSON files that ``groundtruth bench`` writes, one or several as one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from groundtruth.bench.cell import Cell, Failed, Outcome, Skipped, read_cell
from groundtruth.bench.cell_store import SCHEMA_VERSION
from groundtruth.bench.result import Result
from groundtruth.errors import ArtifactError
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from groundtruth.evaluation.variables.variable_scores import VariableScores
from groundtruth.files import from_json

_SCORES: Mapping[str, TypeAdapter[Any]] = {
    "circuits": TypeAdapter(CircuitScores),
    "variables": TypeAdapter(VariableScores),
}
_OTHERS: Mapping[str, TypeAdapter[Any]] = {"skipped": TypeAdapter(Skipped), "failed": TypeAdapter(Failed)}


def read_results(paths: Iterable[Path]) -> Result:
    """The outcomes of some result files; of a cell that is in several, that of the last.

    Args:
        paths: JSON files of ``groundtruth bench``, with or without ``--tiers``.

    Raises:
        ArtifactError: If a file cannot be read, is no such file, or is of another schema.
    """
    found: dict[Cell, Outcome] = {}
    settings: dict[str, Any] = {}
    seconds = 0.0
    for path in paths:
        data = _data(path)
        try:
            found |= dict(map(read_outcome, data["cells"]))
            settings |= data["settings"]
            seconds += data["seconds"]
        except (KeyError, TypeError, AttributeError, ValueError) as error:  # what pydantic raises is one too
            first = str(error).strip().replace("\n", " ")
            raise ArtifactError(f"{path} is no result of a track: {type(error).__name__}: {first}") from error
    return Result(tuple(found.items()), settings, seconds)


def _data(path: Path) -> dict[str, Any]:
    try:
        data: Any = from_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ArtifactError(f"{path} has schema_version {version!r}; this version reads {SCHEMA_VERSION}.")
    return data


def read_outcome(given: Mapping[str, Any]) -> tuple[Cell, Outcome]:
    """Read one cell with its outcome, as a result file has it.

    Raises:
        KeyError: If an entry is missing.
        ValidationError: If one is not what it should be.
    """
    kept = {name: value for name, value in given.items() if name not in ("key", "outcome", "cell", "values")}
    cell = read_cell(given["cell"])
    # By the track of the cell, so that an error names the entry that is missing there.
    adapters = {"scored": _SCORES[cell.setting.track], **_OTHERS}
    return cell, adapters[given["outcome"]].validate_python(kept)
