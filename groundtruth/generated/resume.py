"""Keep what came of each draw while a suite is made, so that a run that was stopped makes only the rest."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundtruth.errors import ProgramError
from groundtruth.files import to_json, write_whole
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.member import Member

WORKSHOP = ".drawing"
"""Folder in that of the suite with a folder for each draw so far; gone when the suite is whole."""

MANIFEST = "suite.json"
"""What the suite is: its seed, its bounds, every program's code, and the rejections by reason."""

_OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Job:
    """One draw of a suite.

    Attributes:
        seed: Of the suite.
        number: Of the draw.
        bounds: Of the suite's programs.
        folder: Of this draw alone, in the workshop.
    """

    seed: int
    number: int
    bounds: Bounds
    folder: Path


def jobs_of(seed: int, numbers: Sequence[int], bounds: Bounds, workshop: Path) -> list[Job]:
    """Draws of a suite, each with a folder under a name of all that it depends on, the code too."""
    from groundtruth.bench.cells import code_sha256

    told = hashlib.sha256(f"{seed} {bounds} {code_sha256()}".encode()).hexdigest()[:16]
    return [Job(seed, number, bounds, workshop / f"{number}-{told}") for number in numbers]


def kept(job: Job, make: Callable[[Job], Member | str]) -> Member | str:
    """The outcome of a draw: as it was kept, or made now and kept.

    Args:
        job: The draw.
        make: Draws a model and stores it in the folder of the draw, or says why it is rejected.
    """
    known = _read(job.folder / _OUTCOME)
    if isinstance(known, str) or (known is not None and (job.folder / known.name).is_dir()):
        return known
    shutil.rmtree(job.folder, ignore_errors=True)  # half of a draw, from a run that was killed
    job.folder.mkdir(parents=True)
    outcome = make(job)
    data: dict[str, Any] = {"rejected": outcome} if isinstance(outcome, str) else {"member": asdict(outcome)}
    write_whole(job.folder / _OUTCOME, to_json(data))
    return outcome


def publish(workshop: Path, models: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:
    """Move finished models from the workshop to their suite, write its manifest, and clear the workshop away.

    Args:
        workshop: In the folder of the suite.
        models: The folder of the draw that made each, by the name of the model.
        manifest: What the suite is.
    """
    suite = workshop.parent
    for name in _members(suite) - set(models):  # of an earlier suite of more models
        shutil.rmtree(suite / name, ignore_errors=True)
    for name, folder in models.items():
        shutil.rmtree(suite / name, ignore_errors=True)
        (folder / name).rename(suite / name)
    write_whole(suite / MANIFEST, to_json(manifest))
    shutil.rmtree(workshop)


def require_folder(folder: Path, seed: int, bounds: Bounds) -> None:
    """Refuse a folder with other things in it, or another suite.

    Args:
        folder: That a suite should go to.
        seed: Of the suite.
        bounds: Of its programs.

    Raises:
        ProgramError: If it is not new, empty, or of the same suite.
    """
    if folder.is_file():
        raise ProgramError(f"{folder} is a file; name a folder.")
    if not folder.is_dir() or not (there := {path.name for path in folder.iterdir()}) or WORKSHOP in there:
        return
    if MANIFEST not in there:
        raise ProgramError(f"{folder} is not empty and no suite of generated models; name another folder.")
    told = _manifest(folder)
    if (told.get("seed"), told.get("bounds")) != (seed, str(bounds)):
        raise ProgramError(
            f"{folder} holds another suite (seed {told.get('seed')}, {told.get('bounds')}); name another folder."
        )


def _members(suite: Path) -> set[str]:
    return {name for name in _manifest(suite).get("models", {}) if Path(name).name == name}


def _manifest(suite: Path) -> dict[str, Any]:
    try:
        data = json.loads((suite / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _read(file: Path) -> Member | str | None:
    try:
        data = json.loads(file.read_bytes())
        return data["rejected"] if "rejected" in data else Member(**data["member"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
