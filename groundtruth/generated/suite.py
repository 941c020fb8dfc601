"""A held-out suite: so many generated programs, compiled, proven and stored, the same on every machine; or trained.

Draw k of seed s is made by ``random.Random("s/k")``, and depths and heads are dealt out in turn, so that the suite is
as wide as its bounds by construction. Draws are judged on their own and kept in their order: how many processes do it,
and which is first, changes nothing.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from groundtruth.errors import ProgramError, WorkerError
from groundtruth.executors import Executor, Needs, Processes
from groundtruth.executors.ordered_jobs import run_ordered
from groundtruth.executors.same_code import code_grounds
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.draw_job import CODE, run_draw_job, unpack_draw, write_draw_job
from groundtruth.generated.draw_share import shares_underway
from groundtruth.generated.lock import locked
from groundtruth.generated.make_draw import outcome_of
from groundtruth.generated.member import Member, SuiteKind
from groundtruth.generated.resume import WORKSHOP, Job, clear, jobs_of, publish, require_folder
from groundtruth.generated.train_draw import REFUSED, require_enumerable
from groundtruth.workers import Lost

SCHEMA_VERSION = 1

DEEP = Bounds(depth=(3, 8), heads=(1, 4), vocab=(2, 4), length=(3, 5))
"""Bounds of a held-out suite unless asked otherwise."""

TRAINED = Bounds(depth=(1, 2), heads=(1, 2), vocab=(2, 3), length=(3, 3))
"""Bounds of a suite of trained models unless asked otherwise: few inputs, for each pair of them is run."""

ONE_PROCESS = Processes(1)

WORKER_MEMORY = 2 * 2**30
"""Bytes that a worker asks a cluster for."""

TWICE = "drawn before"
"""The reason why the second of two equal programs is not kept."""

_DRAWS_PER_MODEL = 20
"""A suite that takes more draws than this a model is given up."""


@dataclass(frozen=True)
class Suite:
    """A held-out suite, as its manifest says it.

    Attributes:
        seed: Seed of all draws.
        bounds: Bounds of its programs.
        members: In the order of their draws.
        draws: Number of programs that were drawn.
        rejected: Number of those that were not kept, by reason.
        seconds: Time that it took; not in the manifest.
        kind: Kind of model that was made of the programs.
    """

    seed: int
    bounds: Bounds
    members: tuple[Member, ...]
    draws: int
    rejected: Mapping[str, int]
    seconds: float
    kind: SuiteKind = "compiled"

    @property
    def refused(self) -> dict[str, int]:
        """Number of networks that were trained and not certified, by what failed first."""
        return {
            reason.removeprefix(REFUSED): n for reason, n in sorted(self.rejected.items()) if reason.startswith(REFUSED)
        }

    @property
    def tried(self) -> int:
        """Number of networks that were trained."""
        return len(self.members) + self.rejected.get(TWICE, 0) + sum(self.refused.values())

    def manifest(self) -> dict[str, Any]:
        """The suite as JSON; the same for the same seed, bounds and number."""
        return {
            "schema_version": SCHEMA_VERSION,
            "seed": self.seed,
            "bounds": str(self.bounds),
            "draws": self.draws,
            "rejected": dict(sorted(self.rejected.items())),
            "spread": self.spread(),
            "models": {member.name: vars(member) for member in self.members},
            **(self._training() if self.kind == "trained" else {}),
        }

    def _training(self) -> dict[str, Any]:
        """The rate of certification, as JSON."""
        certified = self.tried - sum(self.refused.values())
        return {"kind": self.kind, "training": {"tried": self.tried, "certified": certified, "refused": self.refused}}

    def spread(self) -> dict[str, dict[str, int]]:
        """Count how many models have so many layers, heads, live edges (in tens), and layers with a shared MLP."""
        columns: dict[str, Callable[[Member], int]] = {
            "layers": lambda member: member.layers,
            "heads": lambda member: member.heads,
            "live edges": lambda member: 10 * (member.live // 10),
            "shared MLPs": lambda member: member.shared_mlps,
        }
        return {
            name: {_label(name, key): count for key, count in sorted(Counter(map(of, self.members)).items())}
            for name, of in columns.items()
        }


Report = Callable[[Iterator[Any], int, Callable[[], float]], Iterator[Any]]


def generate(
    n: int,
    out: str | Path,
    *,
    seed: int = 0,
    bounds: Bounds | None = None,
    kind: SuiteKind = "compiled",
    executor: Executor = ONE_PROCESS,
    report: Report = lambda items, total, underway: items,
) -> Suite:
    """Draw, check, prove and store a suite of models.

    Trained models are the same for the same seed on one machine; which of them are certified may differ between
    machines, for processors round differently.

    Args:
        n: Number of models.
        out: Folder of the suite, made if it is not there; it gets a folder a model and ``suite.json``.
        seed: The same seed gives the same files on every machine.
        bounds: Bounds on the programs' size; by default ``DEEP``, or ``TRAINED`` for trained models.
        kind: ``compiled``, or ``trained``: networks of drawn circuits, ``wired`` and ``free`` in turn, of which those
            are kept that are certified.
        executor: Runs the draws; by default this process. The files of a worker elsewhere come back to ``out``.
        report: Wraps what is being judged, for a progress bar: given the outcomes as they come, how many there will
            be, and a function that tells how much is done of those that are being made.

    Raises:
        ProgramError: If ``n`` is not positive, the folder holds something else or another suite, another process
            makes a suite there, or the bounds leave too few programs.
        WorkerError: If a process is killed over a draw, twice. What the other draws gave is kept, after an
            interruption too, for the next call with the same arguments.
    """
    if n < 1:
        raise ProgramError(f"n={n} makes no suite; ask for at least 1 model.")
    folder = Path(out)
    bounds = bounds or (TRAINED if kind == "trained" else DEEP)
    if kind == "trained":
        require_enumerable(bounds)
    require_folder(folder, seed, bounds, kind)
    start = time.perf_counter()
    workshop = folder / WORKSHOP
    workshop.mkdir(parents=True, exist_ok=True)
    with locked(workshop):
        require_folder(folder, seed, bounds, kind)  # another process may have made a suite there meanwhile
        try:
            jobs = partial(jobs_of, seed, bounds=bounds, workshop=workshop, kind=kind)
            found, rejected, draws = _collected(n, jobs, bounds, executor, report)
        except ProgramError:
            clear(workshop)
            raise
        members = tuple(member for member, _ in found)
        suite = Suite(seed, bounds, members, draws, rejected, time.perf_counter() - start, kind)
        publish(workshop, {member.name: job.folder for member, job in found}, suite.manifest())
    return suite


def _collected(
    n: int,
    jobs_of_numbers: Callable[[range], list[Job]],
    bounds: Bounds,
    executor: Executor,
    report: Report,
) -> tuple[list[tuple[Member, Job]], dict[str, int], int]:
    """Rounds of draws, each as large as what is missing, so that none is made in vain."""
    members: dict[str, tuple[Member, Job]] = {}
    rejected: Counter[str] = Counter()
    draws = 0
    while len(members) < n:
        missing = n - len(members)
        if draws + missing > _DRAWS_PER_MODEL * n:
            raise ProgramError(
                f"only {len(members)} of {n} models in {draws} draws with {bounds}. Rejected: "
                f"{', '.join(f'{reason} {count}' for reason, count in rejected.most_common())}. Widen the bounds."
            )
        jobs = jobs_of_numbers(range(draws, draws + missing))
        underway = partial(shares_underway, [job.folder for job in jobs])
        for job, found in report(_outcomes(jobs, executor), missing, underway):
            if isinstance(found, str):
                rejected[found] += 1
            elif found.name in members:
                rejected[TWICE] += 1
            else:
                members[found.name] = found, job
        draws += missing
    return list(members.values()), dict(rejected), draws


def _outcomes(jobs: Sequence[Job], executor: Executor) -> Iterator[tuple[Job, Member | str]]:
    """The outcome of each job, in their order; one whose process is killed is made once more, alone.

    Raises:
        WorkerError: If some are lost then too; the others are kept.
    """
    lost: list[tuple[Job, Lost]] = []
    asked = {write_draw_job(job): job for job in jobs}
    common = code_grounds(CODE) if executor.is_remote else ""
    needs = Needs(memory=WORKER_MEMORY)
    with contextlib.closing(run_ordered(executor, run_draw_job, common, list(asked), needs=needs, again=True)) as run:
        for text, answer in run:
            job = asked[text]
            if isinstance(answer, Lost):
                lost.append((job, answer))
                continue
            unpack_draw(answer, job.folder)
            yield job, outcome_of(job)  # as it is kept there
    if lost:
        (job, how), more = lost[0], f" (and {len(lost) - 1} more draws)" if len(lost) > 1 else ""
        raise WorkerError(
            f"draw {job.number} of seed {job.seed}{more} was tried twice: {how}. No suite is written; what the other "
            f"draws gave is kept in {job.folder.parent}. Run again: the same command makes only what is missing."
        )


def _label(column: str, key: int) -> str:
    return f"{key}-{key + 9}" if column == "live edges" else str(key)
