"""Processes that run jobs side by side. One that is killed costs the job it was at; the others go on.

``multiprocessing.Pool`` waits for ever for the job of a worker that the system has killed, as it does where memory
runs out. A worker ends when the process that started it does, however that ends.
"""

import contextlib
import copy
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import reduction
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from groundtruth.errors import GroundTruthError, WorkerError

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

Job = TypeVar("Job")
Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Lost:
    """A job whose process ended before the job did.

    Attributes:
        exit_code: Exit code of the process; negative: the signal that killed it; 0 where it is not known.
        timeout: Seconds that the job was given, if it was stopped because they were over.
        reason: A cluster's reason for the loss.
    """

    exit_code: int = 0
    timeout: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.timeout is not None:
            return f"it was stopped after {self.timeout:g} s, its time limit"
        if self.reason:
            return self.reason
        if self.exit_code == -signal.SIGKILL:
            return "its process was killed (signal 9): most likely out of memory"
        if self.exit_code < 0:
            return f"its process was killed by signal {-self.exit_code}"
        return f"its process ended in the middle, with exit code {self.exit_code}"


def run_batches(
    function: Callable[[Job], Result],
    batches: Iterable[Sequence[Job]],
    *,
    processes: int,
    timeout: float | None = None,
) -> Generator[tuple[Job, Result | Lost], None, None]:
    """Run jobs in processes of their own, one thread each, and yield each result as it comes.

    Args:
        function: Does one job; a module's own, so that another process finds it.
        batches: The jobs of a batch are run one after the other in one process. What a lost job leaves of its batch is
            run by another process.
        processes: Number of processes, at most.
        timeout: Seconds for each job; one that takes longer is stopped and counts as lost. The start of a process,
            with its imports, does not count.

    Yields:
        A job with its result, or with how it was lost.

    Raises:
        WorkerError: If a process cannot even start, or the time limit is not positive.
        Exception: Whatever ``function`` raises; the other processes are then ended.
    """
    require_timeout(timeout)
    todo = deque(list(batch) for batch in batches if batch)
    context = _start_context(function)
    workers = list[_Worker[Job, Result]]()
    try:
        while todo or workers:
            while todo and len(workers) < processes:
                workers.append(_Worker.started(context, function, todo.popleft()))
            answered = wait([worker.pipe for worker in workers], _seconds_left(workers, timeout))
            late = [worker for worker in workers if worker.pipe not in answered and worker.is_late(timeout)]
            for worker in [*(worker for worker in workers if worker.pipe in answered), *late]:
                received = worker.stop_late(timeout) if worker in late else worker.receive()
                if isinstance(received, _Ready):
                    continue
                yield worker.batch.pop(0), received
                if isinstance(received, Lost):
                    workers.remove(worker)
                    if worker.batch:
                        todo.appendleft(worker.batch)
                elif not worker.batch and todo:
                    worker.give(todo.popleft())
                elif not worker.batch:
                    workers.remove(worker)
                    worker.end()
    finally:
        for worker in workers:
            worker.kill()


def _start_context(function: Callable[..., Any]) -> "ForkServerContext | SpawnContext":
    """Choose how processes start: where that is safe, as forks of a server that has imported what they need.

    A fork of this process could hang, for torch may have threads by now. The server computes nothing and so has none;
    torch, three seconds of imports, is imported once and not by each worker. It lives as long as this process.
    """
    if sys.platform != "linux":  # libraries of macOS do not survive a fork, and Windows has none
        return multiprocessing.get_context("spawn")
    while isinstance(function, partial):
        function = function.args[0] if function.func is _second else function.func
    own_module = getattr(function, "__module__", "")
    context = multiprocessing.get_context("forkserver")
    # Of functions of ours only: the server must not fail at what a user's module does when it is imported.
    ours = own_module.startswith(f"{__package__}.")
    context.set_forkserver_preload(["torch", own_module] if ours else ["torch"])
    return context


def require_timeout(timeout: float | None) -> None:
    """Refuse a time limit that no job can keep.

    Raises:
        WorkerError: If it is not positive.
    """
    if timeout is not None and not timeout > 0:
        raise WorkerError(f"timeout={timeout!r} leaves a job no time; give seconds above 0, or None for no limit.")


def run_in_order(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    processes: int,
    timeout: float | None = None,
) -> Generator[tuple[Job, Result | Lost], None, None]:
    """Run jobs side by side, and yield their results in the order of the jobs.

    Args:
        function: As for ``run_batches``.
        jobs: Jobs to run.
        processes: Number at most; with 1, or one job, this process runs all, unless there is a time limit.
        timeout: As for ``run_batches``.

    Yields:
        A job with its result, or with how it was lost.

    Raises:
        WorkerError: As ``run_batches`` does.
        Exception: Whatever ``function`` raises; the other processes are then ended.
    """
    if timeout is None and (processes <= 1 or len(jobs) <= 1):
        for job in jobs:
            yield job, function(job)
        return
    # Numbered, for jobs may be equal and need not be hashable.
    batches = [[item] for item in enumerate(jobs)]
    run = run_batches(partial(_second, function), batches, processes=max(processes, 1), timeout=timeout)
    with contextlib.closing(run) as outcomes:
        numbered = ((number, outcome) for (number, _), outcome in outcomes)
        for number, outcome in put_in_order(range(len(jobs)), numbered):
            yield jobs[number], outcome


def put_in_order(keys: Sequence[Key], outcomes: Iterable[tuple[Key, Result]]) -> Iterator[tuple[Key, Result]]:
    """Yield outcomes in the order of their keys, each as soon as those before it have come.

    Args:
        keys: All different, in the order that is wanted.
        outcomes: By their keys, as they come.
    """
    held, due = dict[Key, Result](), 0
    for key, outcome in outcomes:
        held[key] = outcome
        while due < len(keys) and keys[due] in held:
            yield keys[due], held.pop(keys[due])
            due += 1


def _second(function: Callable[[Job], Result], numbered: tuple[int, Job]) -> Result:
    return function(numbered[1])


@dataclass(frozen=True)
class _Ready:
    """What a worker says first."""


@dataclass(frozen=True)
class _Raised:
    """An error on its way from a worker."""

    error: Exception
    trace: str


@dataclass
class _Worker(Generic[Job, Result]):
    """A process and what it still has to do.

    Attributes:
        process: The process.
        pipe: Our end of the connection with it.
        batch: Its jobs; the first is the one it is at.
        ready: True if it has started.
        since: When it began the job it is at, by the monotonic clock.
    """

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    batch: list[Job]
    ready: bool = field(default=False)
    since: float = field(default=0.0)

    @classmethod
    def started(
        cls, context: "ForkServerContext | SpawnContext", function: Callable[[Job], Result], batch: list[Job]
    ) -> "_Worker[Job, Result]":
        ours, theirs = context.Pipe()
        # First what is around it, before a module of the function is imported.
        surroundings = _Surroundings() if context.get_start_method() == "forkserver" else None
        process = context.Process(target=_work, args=(surroundings, theirs, function), daemon=True)
        process.start()
        theirs.close()  # so that our end says when the process is gone
        worker = cls(process, ours, [])
        worker.give(batch)
        return worker

    def give(self, batch: list[Job]) -> None:
        self.batch, self.since = batch, time.monotonic()
        with contextlib.suppress(OSError):  # a process that is gone is noticed when it should answer
            self.pipe.send(batch)

    def receive(self) -> Any:
        """A result, that the process is ready, or that it is gone; what its function raised is raised here."""
        try:
            received = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            if not self.ready and code >= 0:  # it is not killed, and the next one would fare no better
                raise WorkerError(
                    f"a process could not start: exit code {code}, its own error is above. A script that asks for "
                    "several processes keeps its code under `if __name__ == '__main__':`; or ask for one."
                ) from None
            return Lost(code)
        if isinstance(received, _Raised):
            raise received.error from RuntimeError(f"in another process:\n{received.trace}")
        self.ready, self.since = True, time.monotonic()
        return received

    def is_late(self, timeout: float | None) -> bool:
        """Tell whether the job it is at has had its time."""
        return timeout is not None and self.ready and time.monotonic() - self.since >= timeout

    def stop_late(self, timeout: float | None) -> Lost:
        """End the process, whatever it does, for the job it is at has had its time."""
        self.process.kill()  # not terminate, which the code of a user may ignore
        self.process.join()
        return Lost(self.process.exitcode or 0, timeout)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join()
        self.pipe.close()

    def kill(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def _seconds_left(workers: Sequence[_Worker[Any, Any]], timeout: float | None) -> float | None:
    """Measure how long to wait at most: until the first job at work has had its time."""
    if timeout is None or not any(worker.ready for worker in workers):
        return None
    first = min(worker.since for worker in workers if worker.ready)
    return max(0.0, first + timeout - time.monotonic())


class _Surroundings:
    """Where a forked process writes and its environment: as they are here now, not as the server found them."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """Pickle the open streams and the environment, for the process to adopt as it reads them."""
        streams = {number: reduction.DupFd(number) for number in (1, 2) if _is_open(number)}
        return _adopt_surroundings, (streams, dict(os.environ))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _adopt_surroundings(streams: dict[int, Any], environment: dict[str, str]) -> None:
    for number, copied in streams.items():
        descriptor = copied.detach()
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)


def _work(_: None, pipe: "Connection[Any, Any]", function: Callable[[Any], Any]) -> None:
    """Return what a process does: one batch after the other."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    pipe.send(_Ready())
    with contextlib.suppress(EOFError):  # whoever asked is gone
        while (batch := pipe.recv()) is not None:
            for job in batch:
                try:
                    result = function(job)
                except Exception as error:
                    pipe.send(_Raised(_portable(error), traceback.format_exc()))
                    return
                pipe.send(result)


def _end_with_parent() -> None:
    """End this process, in the midst of its job, when the one that started it is gone.

    A parent that is ended by SIGTERM or killed runs no code of its own any more, and a worker would notice only when
    its job is done.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def use_one_thread() -> None:
    """Make torch use one thread, whether the function needed it to be found, will import it, or does without."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _portable(error: Exception) -> Exception:
    """The error itself if it survives the way between processes; else one with its message."""
    with contextlib.suppress(Exception):  # its class may ask for more than a message
        ForkingPickler.dumps(error)
        if str(copy.copy(error)) == str(error):  # made anew as the parent will make it
            return error
    if isinstance(error, GroundTruthError):
        return GroundTruthError(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")
