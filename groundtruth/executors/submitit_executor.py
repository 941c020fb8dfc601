"""Jobs of Slurm by submitit: each takes a share of the batches, and leaves results in a folder that all machines see.

A job of Slurm runs the cells of its share in a process beside it, which can be stopped and replaced there. The driver
reads results as they appear. While it lives it touches a file; a job that finds this file old ends itself.
"""

import contextlib
import importlib
import json
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from groundtruth.errors import WorkerError
from groundtruth.executors.executor import Function, Needs, Outcomes
from groundtruth.executors.extras import require_extra
from groundtruth.files import from_json, to_json, write_whole
from groundtruth.workers import Lost, require_timeout, run_batches

RETRIES = 3
"""Number of times that a share is submitted again whose job was lost, before the cell that it was at counts as lost."""

TIME_LIMIT = 12 * 60
"""Minutes that a job of Slurm may take, unless told otherwise; submitit's own limit is five."""

HEARTBEAT = 300.0
"""Seconds after which a job takes a driver that gives no sign for gone."""

_POLL = 1.0
"""Seconds between two looks at the folder."""

_ALIVE, _COMMON, _ERROR, _AT = "alive", "common.json", "error.json", "at.txt"


@dataclass(frozen=True)
class SubmititJobs:
    """Jobs of Slurm, or of this machine for a trial.

    Attributes:
        n: Number of workers, at most.
        cluster: ``slurm`` or ``local``; ``None``: Slurm where there is one.
        folder: Folder in which jobs leave results and logs, on a disk that all machines see.
        options: Further options of Slurm, in submitit's words, such as ``{"slurm_partition": "gpu"}``.
    """

    n: int
    cluster: str | None
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    is_remote = True

    def __post_init__(self) -> None:
        require_extra("submitit", "slurm")

    def run_batches(
        self,
        function: Function,
        common: str,
        batches: Sequence[Sequence[str]],
        *,
        needs: Needs,
        timeout: float | None = None,
        apart: bool = False,
    ) -> Outcomes:
        """Run jobs as ``Executor`` says. One whose job of Slurm was lost is tried again, ``RETRIES`` times at most."""
        require_timeout(timeout)
        place = self.folder.resolve() / uuid.uuid4().hex[:12]
        place.mkdir(parents=True)
        (place / _COMMON).write_text(common)
        shares = [_Share(number, place, batches) for number, batches in enumerate(_deal_out(batches, self.n))]
        run = _Run(self._submitter(place, needs), function, shares, timeout)
        try:
            yield from run.outcomes()
        finally:
            run.cancel()
        shutil.rmtree(place, ignore_errors=True)  # not after an error: the logs say more

    def _submitter(self, place: Path, needs: Needs) -> Any:
        import submitit

        try:
            executor = submitit.AutoExecutor(folder=place / "logs", cluster=self.cluster)
            asked: dict[str, Any] = {
                "name": "groundtruth", "cpus_per_task": 1, "tasks_per_node": 1, "mem_gb": needs.memory / 2**30,
                "gpus_per_node": needs.gpus, "timeout_min": TIME_LIMIT,
            }  # fmt: skip
            executor.update_parameters(**{**asked, **self.options})
        except (RuntimeError, ValueError, NameError, TypeError, AssertionError) as error:  # as submitit refuses options
            raise WorkerError(
                f"submitit cannot submit to '{self.cluster or 'slurm'}': {error} Use slurm where sbatch is, or local; "
                "options are those of submitit's AutoExecutor."
            ) from error
        return executor


def _deal_out(batches: Sequence[Sequence[str]], n: int) -> list[list[Sequence[str]]]:
    """Deal batches out to at most n shares, the longest first, each to the share that has least."""
    shares: list[list[Sequence[str]]] = [[] for _ in range(min(n, len(batches)))]
    for batch in sorted(batches, key=len, reverse=True):
        min(shares, key=lambda share: sum(map(len, share))).append(batch)
    return shares


class _Share:
    """The batches of one job of Slurm, and what is left of them.

    Attributes:
        folder: Folder of its results.
        left: Batches without the jobs whose results were read.
        job: Submitit's job.
        failed_starts: Number of jobs in a row that ended before they came to a cell.
    """

    def __init__(self, number: int, place: Path, batches: Sequence[Sequence[str]]) -> None:
        self.folder = place / f"share-{number}"
        self.folder.mkdir()
        self.left = [list(batch) for batch in batches]
        self.job: Any = None
        self.failed_starts = 0
        self._read: set[str] = set()

    def results(self) -> Outcomes:
        """Read what has come since the last time.

        Raises:
            WorkerError: If the job says that it cannot run.
        """
        # Files are written whole and under new names, so that what is there can be read, and once is enough.
        for path in sorted(self.folder.glob("*.json")):
            if path.name in self._read:
                continue
            self._read.add(path.name)
            given = from_json(path.read_bytes())
            if path.name == _ERROR:
                raise WorkerError(given["error"])
            self.drop(given["job"])
            lost = given["lost"]
            yield given["job"], Lost(**lost) if lost else given["result"]

    def job_at_work(self) -> str | None:
        """Read which job was begun last, if its result has not come."""
        marker = self.folder / _AT
        begun = marker.read_text() if marker.is_file() else None
        return next((job for batch in self.left for job in batch if job == begun), None)

    def drop(self, job: str) -> None:
        """Take a job off what is left."""
        self.left = [rest for batch in self.left if (rest := [other for other in batch if other != job])]


@dataclass
class _Run:
    """The shares of one run."""

    submitter: Any
    function: Function
    shares: list[_Share]
    timeout: float | None
    losses: Counter[str] = field(default_factory=Counter[str])

    def outcomes(self) -> Outcomes:
        self._touch()
        for share in self.shares:
            self._submit(share)
        while any(share.left for share in self.shares):
            self._touch()
            for share in [share for share in self.shares if share.left]:
                has_ended = share.job.done()  # before its results are read, lest some come in between
                yield from share.results()
                if share.left and has_ended:
                    yield from self._lose(share)
            time.sleep(_POLL)

    def cancel(self) -> None:
        """End all jobs, whatever they do."""
        for share in self.shares:
            if share.job is not None and not share.job.done():
                with contextlib.suppress(Exception):  # it may have ended meanwhile; the others are to be ended too
                    share.job.cancel()

    def _touch(self) -> None:
        (self.shares[0].folder.parent / _ALIVE).touch()

    def _submit(self, share: _Share) -> None:
        place = str(share.folder)
        (share.folder / _AT).unlink(missing_ok=True)
        function = [self.function.__module__, self.function.__name__]
        share.job = self.submitter.submit(run_share, place, json.dumps(share.left), function, self.timeout)

    def _lose(self, share: _Share) -> Outcomes:
        """Submit what a lost job has left; without the cell that it was at, if that has been lost too often."""
        begun, state = share.job_at_work(), f"job {share.job.job_id} is {share.job.state}"
        share.failed_starts = share.failed_starts + 1 if begun is None else 0
        if share.failed_starts > RETRIES:
            raise WorkerError(
                f"jobs of {self.submitter.cluster} end before they come to a cell: {state}. Their logs are in "
                f"{share.folder.parent / 'logs'}."
            )
        if begun is not None:
            self.losses[begun] += 1
            if self.losses[begun] > RETRIES:
                share.drop(begun)
                yield begun, Lost(reason=f"its job was lost {self.losses[begun]} times: {state}")
        if share.left:
            self._submit(share)


def run_share(place: str, batches: str, function: Sequence[str], timeout: float | None) -> None:
    """Run what a job of Slurm is given, and write each result as soon as it is there.

    Args:
        place: Folder of the share.
        batches: Its batches, as JSON.
        function: Module and name of the function that runs one job.
        timeout: Seconds for each.
    """
    from submitit.core.utils import UncompletedJobError

    folder = Path(place)
    common = (folder.parent / _COMMON).read_text()
    try:
        run = partial(
            _run_marked, getattr(importlib.import_module(function[0]), function[1]), str(folder / _AT), common
        )
        asked = run_batches(run, json.loads(batches), processes=1, timeout=timeout)
        with contextlib.closing(asked) as outcomes:
            for job, outcome in outcomes:
                _require_driver(folder.parent / _ALIVE)
                lost = (
                    {"exit_code": outcome.exit_code, "timeout": outcome.timeout} if isinstance(outcome, Lost) else None
                )
                content = {"job": job, "lost": lost, "result": None if lost else outcome}
                write_whole(folder / f"{uuid.uuid4().hex}.json", to_json(content))
    except UncompletedJobError:  # its time is over, or its node is wanted back: lost, and submitted again
        raise
    except Exception as error:
        write_whole(folder / _ERROR, to_json({"error": f"{type(error).__name__}: {error}"}))
        raise


def _run_marked(function: Function, marker: str, common: str, job: str) -> str:
    """Run a job, and leave word of it beforehand: if all this ends with it, it is the one to blame."""
    Path(marker).write_text(job)
    return function(common, job)


def _require_driver(sign: Path) -> None:
    if time.time() - sign.stat().st_mtime > HEARTBEAT:
        raise WorkerError(f"the driver has given no sign for {HEARTBEAT:g} s.")
