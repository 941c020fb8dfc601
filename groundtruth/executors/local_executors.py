"""Executors of this machine: this process, or processes beside it."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from groundtruth.errors import WorkerError
from groundtruth.executors.executor import Function, Needs, Outcomes
from groundtruth.workers import run_batches


@dataclass(frozen=True)
class Serial:
    """This process, one job after the other: for a debugger, or a profiler."""

    is_remote = False

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
        """Run jobs as ``Executor`` says.

        Raises:
            WorkerError: If a job has a time limit, or must not run in this process.
        """
        if timeout is not None:
            raise WorkerError(
                f"a time limit of {timeout:g} s needs a process that can be stopped, and the executor 'serial' has "
                "none. Leave the limit out, or use processes."
            )
        if apart:
            raise WorkerError(
                "isolated methods need a process that has not run their files, and the executor 'serial' has none. "
                "Leave the isolation out, or use processes."
            )
        for batch in batches:
            for job in batch:
                yield job, function(common, job)


@dataclass(frozen=True)
class Processes:
    """Processes of this machine.

    Attributes:
        n: Number of processes, at most. One process, or one batch, is run by this process where nothing forbids it.
    """

    n: int = 1

    is_remote = False

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
        """Run jobs as ``Executor`` says. A job whose process is killed is not tried again: this is its machine."""
        if timeout is None and not apart and (self.n == 1 or len(batches) <= 1):
            yield from Serial().run_batches(function, common, batches, needs=needs)
            return
        # Closed in any case: a caller that stops early must not leave processes behind.
        run = run_batches(partial(function, common), batches, processes=self.n, timeout=timeout)
        with contextlib.closing(run) as outcomes:
            yield from outcomes
