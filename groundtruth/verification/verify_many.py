"""Re-prove several stored models on any executor."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from groundtruth.executors import Executor, Needs, Processes
from groundtruth.executors.ordered_jobs import run_ordered
from groundtruth.executors.same_code import code_grounds, refusal, require_same_code
from groundtruth.files import from_json, to_json
from groundtruth.store.catalog import stored
from groundtruth.verification.verify_model import CheckResult, Verification, verify
from groundtruth.workers import Lost

WORKER_MEMORY = 4 * 2**30
"""Bytes that a worker asks a cluster for: a guess on the safe side, for the peaks of proofs were not measured."""

TWO_PROCESSES = Processes(2)

_VERIFICATION = TypeAdapter(Verification)


def verify_many(
    names: Sequence[str | Path], *, executor: Executor = TWO_PROCESSES, timeout: float | None = None
) -> Iterator[Verification]:
    """Re-prove several stored models side by side; outcomes come in the order of the names.

    Args:
        names: Names of shipped models, or folders; on a cluster, folders that all machines see.
        executor: Runs the proofs; by default two processes.
        timeout: Seconds that one model may take; one that takes longer is not proven.

    Yields:
        The outcome for each; a model whose process was killed or stopped has one failed check that says so.

    Raises:
        WorkerError: If no worker can start, or one on another machine has other code or other files.
    """
    # Numbered, for the jobs of an executor are all different, and a name may be given twice.
    asked = {_job(number, name, hashed=executor.is_remote): name for number, name in enumerate(names)}
    common = code_grounds(__name__) if executor.is_remote else ""
    run = run_ordered(executor, verify_job, common, list(asked), needs=Needs(memory=WORKER_MEMORY), timeout=timeout)
    with contextlib.closing(run) as outcomes:
        for job, outcome in outcomes:
            name = asked[job]
            yield _lost(name, outcome) if isinstance(outcome, Lost) else _VERIFICATION.validate_json(outcome)


def verify_job(grounds: str, job: str) -> str:
    """Re-prove a stored model as a job of an executor.

    Args:
        grounds: The driver's code, as ``code_grounds`` writes it; empty on the driver's machine.
        job: JSON with the name of the model and, from another machine, the hash of its files.

    Returns:
        The verification as JSON.

    Raises:
        WorkerError: If code or files are others than the driver's.
    """
    require_same_code(grounds, __name__)
    given = from_json(job.encode())
    name, wanted = given["name"], given["files"]
    if wanted is not None and _files_sha256(name) != wanted:
        raise refusal([f"the files of '{name}' (none here, or others)"])
    return _VERIFICATION.dump_json(verify(name)).decode()


def _job(number: int, name: str | Path, *, hashed: bool) -> str:
    return to_json({"number": number, "name": str(name), "files": _files_sha256(name) if hashed else None}).decode()


def _files_sha256(name: str | Path) -> str:
    """Hash all files of a stored model; no file gives a hash too.

    A proof reads them all, measurements and variables too; ``bench.cell_key.model_sha256`` covers what a score depends
    on, and its bytes stand in the keys of finished cells. So they stay two.
    """
    folder = stored(str(name)) or Path(name)
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.glob("*") if path.is_file()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _lost(name: str | Path, how: Lost) -> Verification:
    """Say of a model that nothing of it was proven, which is no proof."""
    told = f"{how}; nothing was proven. Run again: groundtruth verify {name}"
    return Verification(str(name), (CheckResult("process", False, told),))
