"""Keep what came of each draw while a suite is made, so that a run that was stopped makes only the rest."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from groundtruth.errors import ProgramError
from groundtruth.files import from_json, to_json
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.draw_share import SHARE
from groundtruth.generated.lock import LOCK
from groundtruth.generated.member import MODEL_NAME, Member, SuiteKind
from groundtruth.source_hash import source_sha256
from groundtruth.store.file_names import MODEL, TRUTH, WEIGHTS
from mib.errors import FormatError
from mib.whole_files import files_named, remove_made, write_whole

WORKSHOP = ".drawing"
"""Folder in that of the suite with a folder for each draw so far; gone when the suite is whole."""

MANIFEST = "suite.json"
"""Manifest of a suite: its seed, its bounds, every program's code, and the rejections by reason."""

_OUTCOME = "outcome.json"

_OF_A_MODEL = files_named(WEIGHTS, MODEL, TRUTH)
_OF_A_DRAW = rf"{files_named(_OUTCOME)}|{SHARE}|{MODEL_NAME.pattern}(/({_OF_A_MODEL}))?"
_OF_A_WORKSHOP = rf"{LOCK}|[0-9]+-[0-9a-f]{{16}}(/({_OF_A_DRAW}))?"
"""Paths of all that a suite's making leaves in the folder of a model, of a draw, and of all draws."""

_MEMBER = TypeAdapter(Member)


@dataclass(frozen=True)
class Job:
    """One draw of a suite.

    Attributes:
        seed: Seed of the suite.
        number: Number of the draw.
        bounds: Bounds of the suite's programs.
        folder: Folder of this draw alone, in the workshop.
        kind: Kind of model that is made of the program.
    """

    seed: int
    number: int
    bounds: Bounds
    folder: Path
    kind: SuiteKind = "compiled"


def jobs_of(
    seed: int, numbers: Sequence[int], bounds: Bounds, workshop: Path, kind: SuiteKind = "compiled"
) -> list[Job]:
    """Draws of a suite, each with a folder under a name of all that it depends on, the code too."""
    code = source_sha256("groundtruth.generated.make_draw")
    told = hashlib.sha256(f"{seed} {bounds} {kind} {code}".encode()).hexdigest()[:16]
    return [Job(seed, number, bounds, workshop / f"{number}-{told}", kind) for number in numbers]


def kept(job: Job, make: Callable[[Job], Member | str]) -> Member | str:
    """The outcome of a draw: as it was kept, or made now and kept.

    Args:
        job: The draw.
        make: Draws a model and stores it in the folder of the draw, or says why it is rejected.
    """
    known = _read(job.folder / _OUTCOME)
    if isinstance(known, str) or (known is not None and (job.folder / known.name).is_dir()):
        return known
    _remove(job.folder, _OF_A_DRAW)  # half of a draw, from a run that was killed
    job.folder.mkdir(parents=True)
    outcome = make(job)
    data: dict[str, Any] = {"rejected": outcome} if isinstance(outcome, str) else {"member": asdict(outcome)}
    write_whole(job.folder / _OUTCOME, to_json(data))
    return outcome


def is_of_a_draw(name: str) -> bool:
    """Tell whether a path in the folder of a draw is that of a file which a draw makes."""
    return re.fullmatch(_OF_A_DRAW, name) is not None and name.split("/")[-1] not in ("", ".", "..")


def publish(workshop: Path, models: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:
    """Move finished models from the workshop to their suite, write its manifest, and clear the workshop away.

    Args:
        workshop: In the folder of the suite.
        models: The folder of the draw that made each, by the name of the model.
        manifest: Manifest of the suite.
    """
    suite = workshop.parent
    for name in _members(suite) - set(models):  # of an earlier suite of more models
        _remove(suite / name, _OF_A_MODEL)
    for name, folder in models.items():
        _remove(suite / name, _OF_A_MODEL)
        (folder / name).rename(suite / name)
    write_whole(suite / MANIFEST, to_json(manifest))
    clear(workshop)


def clear(workshop: Path) -> None:
    """Remove the folder of all draws.

    Raises:
        ProgramError: If it holds anything that is no draw.
    """
    _remove(workshop, _OF_A_WORKSHOP)


def require_folder(folder: Path, seed: int, bounds: Bounds, kind: SuiteKind = "compiled") -> None:
    """Refuse a folder with other things in it, or another suite.

    Args:
        folder: Folder that a suite should go to.
        seed: Seed of the suite.
        bounds: Bounds of its programs.
        kind: Kind of model that is made of them.

    Raises:
        ProgramError: If it is not new, empty, or of the same suite.
    """
    if folder.is_file():
        raise ProgramError(f"{folder} is a file; name a folder.")
    if (folder / WORKSHOP).is_symlink():
        raise ProgramError(f"{folder / WORKSHOP} is a link; remove it, or name another folder.")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if MANIFEST in there:
        _require_same_suite(folder, seed, bounds, kind)
    elif strange := {name for name in there - {WORKSHOP} if WORKSHOP not in there or not MODEL_NAME.fullmatch(name)}:
        raise ProgramError(
            f"{folder} is not empty and no suite of generated models (it holds '{min(strange)}'); name another folder."
        )


def _require_same_suite(folder: Path, seed: int, bounds: Bounds, kind: SuiteKind) -> None:
    told = _manifest(folder)
    there = told.get("kind", "compiled")
    if (told.get("seed"), told.get("bounds"), there) != (seed, str(bounds), kind):
        models = f"of {there} models " if there != kind else ""
        raise ProgramError(
            f"{folder} holds another suite {models}(seed {told.get('seed')!r}, {told.get('bounds')}); "
            "name another folder."
        )
    _members(folder)


def _members(suite: Path) -> set[str]:
    """The names of the models of the suite that is there; none if none is.

    Raises:
        ProgramError: If the manifest names what no generated model is called, for the names make paths.
    """
    models = _manifest(suite).get("models", {})
    names = list[object](models) if isinstance(models, dict | list) else [models]
    for name in names:
        if not isinstance(models, dict) or not isinstance(name, str) or not MODEL_NAME.fullmatch(name):
            raise ProgramError(
                f"{suite / MANIFEST} names the model {name!r}; generated models are named g and 8 hexadecimal digits. "
                "Name another folder."
            )
    return set[str](models)


def _manifest(suite: Path) -> dict[str, Any]:
    path = suite / MANIFEST
    if not path.is_file():
        return {}
    try:
        data = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ProgramError(f"{path} is not JSON: {error}. Name another folder.") from error
    return data if isinstance(data, dict) else {}


def _remove(folder: Path, made: str) -> None:
    try:
        remove_made(folder, made)
    except FormatError as error:
        raise ProgramError(str(error)) from error


def _read(file: Path) -> Member | str | None:
    """Return what was kept of a draw; nothing if it is not what ``kept`` writes, so that the draw is made again."""
    try:
        data = from_json(file.read_bytes())
        if isinstance(data, dict) and isinstance(reason := data.get("rejected"), str):
            return reason
        member = _MEMBER.validate_json(json.dumps(data["member"]), strict=True)
    except (OSError, ValueError, KeyError, TypeError):  # what pydantic raises is a ValueError
        return None
    return member if MODEL_NAME.fullmatch(member.name) else None
