"""A draw of a suite as a job of an executor; on another machine, the files that it made come back in the answer."""

import base64
import tempfile
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from groundtruth.errors import WorkerError
from groundtruth.executors.same_code import require_same_code
from groundtruth.files import from_json, to_json
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.make_draw import outcome_of
from groundtruth.generated.resume import Job, is_of_a_draw

CODE = "groundtruth.generated.draw_job"
"""The module whose code the driver and a worker have to share."""

_BOUNDS = TypeAdapter(Bounds)


def write_draw_job(job: Job) -> str:
    """Write a draw for a worker."""
    bounds = _BOUNDS.dump_python(job.bounds, mode="json")
    given = {"seed": job.seed, "number": job.number, "bounds": bounds, "folder": str(job.folder), "kind": job.kind}
    return to_json(given).decode()


def run_draw_job(grounds: str, job: str) -> str:
    """Make a draw, and store it in its folder; on another machine, in a folder that is packed.

    Args:
        grounds: The driver's code, as ``code_grounds`` writes it; empty on the driver's machine.
        job: As ``write_draw_job`` writes it.

    Returns:
        JSON: the files by their path in the folder of the draw; none on the driver's machine, where they lie.

    Raises:
        WorkerError: If the code is another than the driver's.
    """
    require_same_code(grounds, CODE)
    given = from_json(job.encode())
    bounds = _BOUNDS.validate_python(given["bounds"])
    asked = Job(given["seed"], given["number"], bounds, Path(given["folder"]), given["kind"])
    if not grounds:
        outcome_of(asked)
        return "{}"
    with tempfile.TemporaryDirectory(prefix="groundtruth-") as place:
        folder = Path(place) / "draw"
        outcome_of(replace(asked, folder=folder))
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return to_json({name: base64.b64encode(content).decode() for name, content in files.items()}).decode()


def unpack_draw(answer: str, folder: Path) -> None:
    """Write the files of a draw that was made elsewhere.

    Args:
        answer: As ``run_draw_job`` gives it.
        folder: The folder of the draw.

    Raises:
        WorkerError: If it holds what no draw has; nothing is written then.
    """
    files = from_json(answer.encode())
    if strange := [name for name in files if not is_of_a_draw(name)]:
        raise WorkerError(f"a worker sent a file that no draw has: {strange[0]!r}. Nothing of it was written.")
    # The outcome last: a folder that has it is taken for whole.
    for name in sorted(files, key=lambda name: ("/" not in name, name)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(files[name]))
