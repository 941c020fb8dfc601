"""A bundle: a result of ``bench`` or ``score``, with the source of its method beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json
from groundtruth.results.read_results import SCHEMA_VERSION, read_results
from groundtruth.results.result import Result
from groundtruth.results.summary import Summary
from groundtruth.user_methods import is_own_method

CELLS = "cells"
"""Folder of a run's finished cells, none of which is a result."""

_HASHES = TypeAdapter(dict[str, str])
_SUMMARIES = TypeAdapter(tuple[Summary, ...])


@dataclass(frozen=True)
class Bundle:
    """What somebody has handed in.

    Attributes:
        path: The result file.
        result: Its outcomes.
        created: When it was written.
        code_sha256: Hash of our code that scored.
        versions: Names of packages with their versions.
        methods_sha256: By method of a file or a plug-in: hash of its sources, as the bundle claims.
        models_sha256: By model: hash of its files, as the bundle claims.
        summaries: Its summary of each method over all its cells.
    """

    path: Path
    result: Result
    created: str
    code_sha256: str
    versions: Mapping[str, str]
    methods_sha256: Mapping[str, str]
    models_sha256: Mapping[str, str]
    summaries: tuple[Summary, ...] = ()

    def source(self, method: str) -> Path | None:
        """Find the file of a method: as it is named below the bundle's folder, else by its name alone beside it."""
        if not is_own_method(method):
            return None
        folder, place = self.path.parent.resolve(), method.rpartition(":")[0] or method
        if place.endswith(".py"):
            places = [folder / place, folder / Path(place).name]
        else:  # a module, which a package can be too
            inside = folder.joinpath(*place.split("."))
            places = [inside / "__init__.py", inside.with_name(f"{inside.name}.py")]
        # A bundle comes from a stranger: its method's name must not lead to a file elsewhere on this machine.
        inside = [place.resolve() for place in places if place.resolve().is_relative_to(folder)]
        return next((place for place in inside if place.is_file()), None)


def read_bundle(path: Path) -> Bundle:
    """Read a bundle: its result file, or a folder that holds one. Nothing in it is executed.

    Raises:
        ArtifactError: If there is no result file, more than one, or one that is not what it should be.
    """
    if path.is_dir():
        found = result_files(path)
        if len(found) != 1:
            named = ", ".join(file.name for file in found) or "none"
            raise ArtifactError(
                f"{path} should hold one result file of bench or score, and holds {named}. Name the file."
            )
        path = found[0]
    result = read_results([path])
    data: Any = from_json(path.read_bytes())
    try:
        return Bundle(
            path=path,
            result=result,
            created=str(data["created"]),
            code_sha256=str(data["code_sha256"]),
            versions=_HASHES.validate_python(data["environment"]["versions"]),
            methods_sha256=_HASHES.validate_python(data.get("methods_sha256", {})),
            models_sha256=_HASHES.validate_python(data["models_sha256"]),
            summaries=_SUMMARIES.validate_python(data.get("summaries", ())),
        )
    except (KeyError, TypeError, ValidationError) as error:
        told = str(error).strip().splitlines()[0]
        raise ArtifactError(f"{path} is no bundle: {told}. Write it by groundtruth bench or score.") from error


def result_files(folder: Path) -> list[Path]:
    """List the result files in a folder and below it, sorted; other JSON files are passed over."""
    files = [path for path in sorted(folder.rglob("*.json")) if CELLS not in path.relative_to(folder).parts]
    return [path for path in files if _is_result(path)]


def _is_result(path: Path) -> bool:
    try:
        data: Any = from_json(path.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        isinstance(data, dict) and "cells" in data and "track" in data and data.get("schema_version") == SCHEMA_VERSION
    )
