"""Jobs on a Ray cluster: one actor a worker, each given a batch when it is free, and replaced when it is lost."""

import contextlib
import importlib
import os
import secrets
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundtruth.errors import WorkerError
from groundtruth.executors.executor import Function, Needs, Outcomes
from groundtruth.executors.extras import require_extra
from groundtruth.workers import Lost, require_timeout, use_one_thread

RETRIES = 3
"""Number of times that a job is tried again whose worker was lost: a node that ends is no fault of the job."""

START_LIMIT = 600.0
"""Seconds without any worker at work after which no more is hoped for; a cluster that grows takes minutes."""

_POLL = 1.0
"""Seconds after which it is looked whether the cluster has grown, or a job has had its time."""


@dataclass(frozen=True)
class RayWorkers:
    """Workers of a Ray cluster.

    Attributes:
        n: Number of workers, at most; ``None``: one a CPU of the cluster, or a GPU where jobs need one.
        address: The cluster, as ``auto`` or ``HOST:PORT``; ``None``: the one that this process is connected to, else
            one of ``n`` CPUs that is started on this machine and ends with the run.
    """

    n: int | None = None
    address: str | None = None

    is_remote = True

    def __post_init__(self) -> None:
        require_extra("ray", "ray")

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
        """Run jobs as ``Executor`` says. A job whose worker was lost is tried again, ``RETRIES`` times at most."""
        require_timeout(timeout)
        with _connected(self.address, self.n) as ray:
            pool = _Pool(ray, function, ray.put(common), deque(map(list, batches)), needs, timeout, self.n)
            try:
                yield from pool.run()
            finally:
                pool.kill()


class RayActor:
    """What a worker's process does.

    Errors come back as text: an exception of a class that the driver has not, or has otherwise, would not arrive.
    """

    def start(self, module: str, name: str, common: str) -> tuple[str, str]:
        """Find the function of the jobs; give an error, if there is one, and the node's name."""
        use_one_thread()
        self._common = common
        try:
            self._function = getattr(importlib.import_module(module), name)
        except Exception as error:
            return f"{type(error).__name__}: {error}", os.uname().nodename
        return "", os.uname().nodename

    def run(self, job: str) -> tuple[str, str]:
        """Run one job; give an error, if there is one, and the result."""
        try:
            return "", self._function(self._common, job)
        except WorkerError as error:
            return str(error), ""
        except Exception as error:
            return f"{type(error).__name__}: {error}\n{traceback.format_exc()}", ""


@dataclass
class _Worker:
    """An actor and what it still has to do.

    Attributes:
        actor: The actor.
        call: Its last call: to start, or a job.
        batch: Its jobs; the first is the one it is at. Empty while it starts.
        node: Name of its machine, once it has started.
        since: When it began the job it is at, by the monotonic clock.
    """

    actor: Any
    call: Any
    batch: list[str] = field(default_factory=list[str])
    node: str = ""
    since: float = 0.0


@dataclass
class _Pool:
    """The workers of one run."""

    ray: Any
    function: Function
    common: Any
    todo: deque[list[str]]
    needs: Needs
    timeout: float | None
    limit: int | None
    workers: list[_Worker] = field(default_factory=list[_Worker])
    losses: Counter[str] = field(default_factory=Counter[str])
    failed_starts: int = 0

    def run(self) -> Outcomes:
        idle_since = time.monotonic()
        while self.todo or any(worker.batch for worker in self.workers):
            self._fit_to_work()
            done, _ = self.ray.wait([worker.call for worker in self.workers], timeout=self._patience())
            for worker in [worker for worker in self.workers if worker.call in done]:
                yield from self._answer(worker)
            for worker in [worker for worker in self.workers if self._is_late(worker)]:
                yield from self._stop(worker)
            if any(worker.batch for worker in self.workers):
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > START_LIMIT:
                raise WorkerError(f"no worker could start within {START_LIMIT:g} s: {self._scarcity()}.")

    def kill(self) -> None:
        """End all workers, whatever they do."""
        for worker in self.workers:
            self._end(worker)

    def _fit_to_work(self) -> None:
        """Start workers as long as there is work and room for them; end those that wait for room without need."""
        starting = [worker for worker in self.workers if not worker.node]
        for worker in starting[len(self.todo) :]:
            self.workers.remove(worker)
            self._end(worker)
        # Workers that start will each take a batch: no more are started than would find one.
        n_missing = min(self._room() - len(self.workers), len(self.todo) - len(starting))
        self.workers += [self._start_worker() for _ in range(n_missing)]

    def _room(self) -> int:
        """Count how many workers the cluster holds, of which nodes may join and leave."""
        total = self.ray.cluster_resources()
        kind, each = ("GPU", self.needs.gpus) if self.needs.gpus else ("CPU", 1)
        room = max(1, int(total.get(kind, 0) // each))  # one, for a cluster that grows when it is asked
        return room if self.limit is None else min(room, self.limit)

    def _start_worker(self) -> _Worker:
        actor = (
            self.ray.remote(RayActor)
            .options(
                num_cpus=1,
                num_gpus=self.needs.gpus,
                memory=self.needs.memory,
                max_restarts=0,  # a new actor would have lost its batch
                scheduling_strategy="SPREAD",
            )
            .remote()
        )
        return _Worker(actor, actor.start.remote(self.function.__module__, self.function.__name__, self.common))

    def _answer(self, worker: _Worker) -> Outcomes:
        """Take what a worker has to say, and give it its next job."""
        try:
            error, result = self.ray.get(worker.call)
        except self.ray.exceptions.RayTaskError as raised:
            raise WorkerError(_cannot_run(str(raised.cause))) from raised
        except self.ray.exceptions.RayError as lost:
            yield from self._lose(worker, lost)
            return
        if error:
            raise WorkerError(f"on node {worker.node}: {error}" if worker.batch else _cannot_run(error, result))
        answered = [(worker.batch.pop(0), result)] if worker.batch else []
        if not answered:
            worker.node, self.failed_starts = result, 0
        if not worker.batch and self.todo:
            worker.batch = self.todo.popleft()
        if worker.batch:
            worker.call, worker.since = worker.actor.run.remote(worker.batch[0]), time.monotonic()
        else:
            self.workers.remove(worker)
            self._end(worker)
        yield from answered  # last, for whoever takes it may take his time, and the worker need not wait for that

    def _lose(self, worker: _Worker, error: Exception) -> Outcomes:
        """Put the rest of a lost worker's batch back; its job too, unless it has been lost too often."""
        self.workers.remove(worker)
        self._end(worker)
        reason = str(error).strip().splitlines()
        if not worker.batch:
            self.failed_starts += 1
            # A whole node may go while all its workers start; after that many, what they import is at fault.
            if self.failed_starts > max(RETRIES, 2 * self._room()):
                raise WorkerError(f"workers end while they start: {' '.join(reason)}")
            return
        job = worker.batch[0]
        self.losses[job] += 1
        if self.losses[job] > RETRIES:
            worker.batch.pop(0)
            yield (
                job,
                Lost(
                    reason=f"its worker was lost {self.losses[job]} times, last on {worker.node}: {_last_line(reason)}"
                ),
            )
        if worker.batch:
            self.todo.appendleft(worker.batch)

    def _is_late(self, worker: _Worker) -> bool:
        return bool(self.timeout and worker.batch) and time.monotonic() - worker.since >= (self.timeout or 0.0)

    def _stop(self, worker: _Worker) -> Outcomes:
        """End a worker whose job has had its time."""
        self.workers.remove(worker)
        self._end(worker)
        job, *rest = worker.batch
        if rest:
            self.todo.appendleft(rest)
        yield job, Lost(timeout=self.timeout)

    def _end(self, worker: _Worker) -> None:
        with contextlib.suppress(self.ray.exceptions.RayError, ValueError):  # it may be gone already
            self.ray.kill(worker.actor)

    def _patience(self) -> float:
        """Measure how long to wait at most: until the first job has had its time, or to look at the cluster again."""
        if self.timeout is None:
            return _POLL
        left = [worker.since + self.timeout - time.monotonic() for worker in self.workers if worker.batch]
        return max(0.0, min([_POLL, *left]))

    def _scarcity(self) -> str:
        asked = f"1 CPU, {self.needs.gpus} GPU and {self.needs.memory / 2**30:.1f} GiB"
        return f"each asks for {asked}, and the cluster has {dict(self.ray.cluster_resources())}"


def _cannot_run(error: str, node: str = "") -> str:
    where = f" on node {node}" if node else ""
    return (
        f"a worker{where} cannot run: {error}. Install the same version of mechinterp-groundtruth, with the same "
        "versions of what it needs, on every node."
    )


def _last_line(lines: Sequence[str]) -> str:
    """Return what Ray says of the death of an actor, in the last line of its report."""
    return lines[-1] if lines else "no more is known"


@contextlib.contextmanager
def _connected(address: str | None, n: int | None) -> Generator[Any]:
    """Connect with a cluster, and leave it, or end it if it was started for this."""
    if address is None:
        _keep_token_here()
    import ray  # 240 MB that nobody loads who runs elsewhere

    if ray.is_initialized():  # by whoever called us: theirs to end
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        options |= {"num_cpus": n or os.cpu_count() or 1, "include_dashboard": False}
    try:
        ray.init(address=address or "local", **options)
    except Exception as error:  # Ray raises errors of half a dozen classes here
        first = next(iter(str(error).splitlines()), "")
        raise WorkerError(
            f"no Ray cluster at '{address or 'local'}': {type(error).__name__}: {first} "
            "Start one by `ray start --head`, or leave the address out for one on this machine."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _keep_token_here() -> None:
    """Let clusters that this process starts ask for a token that nobody else knows; no statistics are sent.

    Ray would write a token into the home folder and leave it there. Without any, whoever reaches a port of this machine
    could run code. Ray reads a token once a process, so that it stays set.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    has_token = (Path.home() / ".ray" / "auth_token").is_file()
    if not has_token and not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        if "ray" not in sys.modules:  # else Ray has read the mode already, and sets it anew when it starts a cluster
            os.environ["RAY_AUTH_MODE"] = "token"
