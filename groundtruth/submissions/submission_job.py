"""A cell of a submission as a job of an executor; from another machine its files come back in the answer."""

import base64
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from groundtruth.bench.parcel import unpack
from groundtruth.errors import WorkerError
from groundtruth.evaluation.language_models import checkpoint_sha256
from groundtruth.executors.same_code import differences, refusal, versions
from groundtruth.files import from_json, to_json
from groundtruth.results.prompts import Prompts
from groundtruth.source_hash import source_sha256
from groundtruth.submissions.submitted_method import SubmittedMethod
from mib import learned
from mib.errors import MibError
from mib.leaderboard.submissions import Job, Outcome, Places, Setup, files_of_a_part, make_cell
from mib.models import MODELS, SharedModel
from mib.tasks.data_sources import HUB

_WORDS = {
    "code": "the code of groundtruth and mib",
    "method": "the sources of the method",
    "model": "the model's files",
    "data": "the data set",
}
"""Name of a cell's grounds in the error about their difference."""


def write_submission_job(method: SubmittedMethod, setup: Setup, job: Job, part: Path, *, checked: bool) -> str:
    """Write a cell for a worker.

    Args:
        method: The method that makes it.
        setup: Options that all cells of the submission share.
        job: The cell.
        part: The folder of this machine where it is made, if it is made on this machine.
        checked: True if the worker may be on another machine: it compares what the cell depends on, and sends files.
    """
    place, data = setup.models[job.model], None if setup.data is None else str(setup.data)
    whole = _whole_path(str(place)) if checked else str(place)
    shared = {name: value for name, value in asdict(setup).items() if name not in ("out", "models")}
    shared["data"] = _whole_path(data) if checked and data is not None else data
    given = {
        "cell": job.cell, "task": job.task, "model": job.model, "place": whole,
        "is_folder": isinstance(place, Path), "setup": shared,
        "method": {"spec": method.spec, "track": method.track, "level": method.level},
        "places": None if method.places is None else asdict(method.places), "part": None if checked else str(part),
        "grounds": _grounds(method, whole, shared["data"], job.task) if checked else None,
    }  # fmt: skip
    return json.dumps(given)


def run_submission_job(packed: str, job: str) -> str:
    """Make a cell in a folder of its own.

    Args:
        packed: The user's files, as ``pack_sources`` writes them; empty on the machine where they are.
        job: As ``write_submission_job`` writes it.

    Returns:
        JSON: what became of the cell and, from another machine, its files.

    Raises:
        WorkerError: If it depends on something that is otherwise here.
    """
    given, parcel = json.loads(job), unpack(packed)
    method = SubmittedMethod(**given["method"], places=_read_places(given["places"]))
    method = replace(method, spec=parcel.here(method.spec))
    if given["grounds"] is not None:
        _require_same_grounds(method, given)
    with tempfile.TemporaryDirectory(prefix="groundtruth-") as elsewhere:
        out = Path(given["part"] or elsewhere)
        made = _make(method, given, out)
        files = {} if given["part"] or made.state != "written" else _read_files(out)
    told = replace(made, detail=parcel.there(made.detail))
    return to_json({"outcome": asdict(told), "files": files}).decode()


def read_submission_answer(answer: str, part: Path) -> Outcome:
    """Read what ``run_submission_job`` gives, and write the files that came with it.

    Args:
        answer: JSON.
        part: The folder of this machine for this cell alone.

    Raises:
        WorkerError: If it holds what no cell of this name has; nothing is written then.
    """
    given = from_json(answer.encode())
    outcome, allowed = Outcome(**given["outcome"]), files_of_a_part(given["outcome"]["cell"])
    # Names come from another machine: one such as ../../x would be written anywhere.
    if strange := [name for name in given["files"] if not re.fullmatch(allowed, name)]:
        raise WorkerError(f"a worker sent a file that no cell has: {strange[0]!r}. Nothing of it was written.")
    for name, content in given["files"].items():
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    return outcome


def _make(method: SubmittedMethod, given: Mapping[str, Any], out: Path) -> Outcome:
    """Make the cell as the only one of a submission in this folder."""
    out.mkdir(parents=True, exist_ok=True)
    place = Path(given["place"]) if given["is_folder"] else given["place"]
    setup = Setup(out=out, models={given["model"]: place}, **given["setup"])
    job = next(job for job in method.plan([given["task"]], setup).jobs if job.cell == given["cell"])
    return make_cell(setup, _lend(place, setup.device, setup.dtype), job)


def _read_files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode() for path in paths}


@lru_cache(maxsize=1)
def _lend(place: str | Path, device: str, dtype: str) -> SharedModel:
    """Lend the model that was asked for last to its other cells; the one before is let go."""
    return SharedModel(lambda: Setup(out=Path(), models={"": place}, method="", device=device, dtype=dtype).load(""))


def _whole_path(text: str) -> str:
    """Spell a folder as it is found from anywhere; what ships, is on the hub or is not there stays as it is."""
    is_name = text in MODELS or text in learned.names() or text == HUB
    return text if is_name or not Path(text).is_dir() else str(Path(text).resolve())


def _read_places(given: Mapping[str, Any] | None) -> Places | None:
    if given is None:
        return None
    layers, heads = given["layers"], given["heads"]
    return Places(layers and tuple(layers), heads and tuple((layer, head) for layer, head in heads))


def _grounds(method: SubmittedMethod, place: str, data: str | None, task: str) -> dict[str, Any]:
    """List what a cell depends on beside its settings."""
    return {
        "code": source_sha256(__name__),
        "method": method.sha256(),
        "model": checkpoint_sha256(place),
        "data": Prompts(data).sha256(task),
        "versions": versions(),
    }


def _require_same_grounds(method: SubmittedMethod, given: Mapping[str, Any]) -> None:
    try:
        own = _grounds(method, given["place"], given["setup"]["data"], given["task"])
    except (ValueError, MibError, OSError) as error:
        raise WorkerError(f"what '{given['cell']}' stands on is not here: {error}") from error
    if differing := list(differences(given["grounds"], own, _WORDS)):
        raise refusal(differing)
