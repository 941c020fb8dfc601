"""Read results of a track from the JSON files that ``groundtruth bench`` writes, one or several as one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json
from groundtruth.results.cell import Cell, Failed, Outcome, Skipped, read_cell
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.result import Result
from groundtruth.results.variable_scores import VariableScores

SCHEMA_VERSION = 2
"""Version of a stored cell and of a result file."""

_SCORES: Mapping[str, TypeAdapter[Any]] = {
    "circuits": TypeAdapter(CircuitScores),
    "variables": TypeAdapter(VariableScores),
}
_SETTINGS = TypeAdapter(dict[str, Any])
_SECONDS = TypeAdapter(float)
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
    controls = frozenset[str]()
    seconds = 0.0
    for path in paths:
        data = read_result_data(path)
        try:
            one = result_in(data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:  # what pydantic raises is one too
            first = str(error).strip().replace("\n", " ")
            raise ArtifactError(f"{path} is no result of a track: {type(error).__name__}: {first}") from error
        found |= dict(one.outcomes)
        settings |= one.settings
        controls |= one.controls
        seconds += one.seconds
    return Result(tuple(found.items()), settings, seconds, controls)


def result_in(data: Mapping[str, Any]) -> Result:
    """Read the result in the content of a result file.

    Raises:
        KeyError: If an entry is missing.
        ValueError: If one is not what it should be; so does pydantic.
        TypeError: As ``ValueError``.
        AttributeError: As ``ValueError``.
    """
    outcomes = tuple(map(read_outcome, data["cells"]))
    # Which methods are controls is what the summaries say: who registered them need not be installed here.
    controls = frozenset(str(one["method"]) for one in data["summaries"] if one["is_control"])
    return Result(
        outcomes, _SETTINGS.validate_python(data["settings"]), _SECONDS.validate_python(data["seconds"]), controls
    )


WANTED = ("schema_version", "created", "seconds", "settings", "environment", "cells")
"""Keys that a result file must have."""


def read_result_data(path: Path) -> dict[str, Any]:
    """Read the data of a result file of ``groundtruth bench`` or ``score``.

    Raises:
        ArtifactError: If it is no such file, or of another schema.
    """
    named = "Name a .json file that groundtruth bench or score wrote."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}. {named}") from None
    try:
        data: Any = from_json(content)
    except ValueError as error:
        why = f": {error}" if content.strip() else ", it is empty"
        raise ArtifactError(f"{path} is no JSON{why}. {named} If it was cut off, run that again.") from None
    missing = [key for key in WANTED if not isinstance(data, dict) or key not in data]
    if missing:
        raise ArtifactError(f"{path} is no result of bench or score: it has no '{missing[0]}'. {named}")
    if data["schema_version"] != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema_version {data['schema_version']!r}; this version reads {SCHEMA_VERSION}. Run bench or "
            "score again, or read it with the version of groundtruth that wrote it."
        )
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
