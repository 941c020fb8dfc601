"""A held-out suite: so many generated programs, compiled, proven and stored, the same on every machine.

Draw k of seed s is made by ``random.Random("s/k")``, and depths and heads are dealt out in turn, so that the suite is
as wide as its bounds by construction. Draws are judged on their own and kept in their order: how many processes do it,
and which is first, changes nothing.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundtruth.errors import ProgramError, WorkerError
from groundtruth.generated.acceptance import Rejected, judge
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.choices import seeded
from groundtruth.generated.draw import Drawn, draw
from groundtruth.generated.grammar import Stuck
from groundtruth.generated.lock import locked
from groundtruth.generated.member import Member
from groundtruth.generated.resume import WORKSHOP, Job, clear, jobs_of, kept, publish, require_folder
from groundtruth.store.write import save
from groundtruth.workers import Lost, run_in_order

SCHEMA_VERSION = 1

DEEP = Bounds(depth=(3, 8), heads=(1, 4), vocab=(2, 4), length=(3, 5))
"""Bounds of a held-out suite unless asked otherwise."""

WIDE = 3
"""Programs are made to have at least 1, 2, ... so many heads in turn."""

_DRAWS_PER_MODEL = 20
"""A suite that takes more draws than this a model is given up."""


@dataclass(frozen=True)
class Suite:
    """A held-out suite, as its manifest says it.

    Attributes:
        seed: Of all draws.
        bounds: Of its programs.
        members: In the order of their draws.
        draws: How many programs were drawn.
        rejected: How many of them were not kept, by reason.
        seconds: How long it took; not in the manifest.
    """

    seed: int
    bounds: Bounds
    members: tuple[Member, ...]
    draws: int
    rejected: Mapping[str, int]
    seconds: float

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
        }

    def spread(self) -> dict[str, dict[str, int]]:
        """How many models have so many layers, heads, live edges (in tens), and layers with a shared MLP."""
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


def generate(
    n: int,
    out: str | Path,
    *,
    seed: int = 0,
    bounds: Bounds = DEEP,
    processes: int = 1,
    report: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, total: items,
) -> Suite:
    """Draw, check, prove and store a suite of models.

    Args:
        n: How many models.
        out: Folder of the suite, made if it is not there; it gets a folder a model and ``suite.json``.
        seed: The same seed gives the same files on every machine.
        bounds: How large the programs are.
        processes: How many judge draws side by side.
        report: Wraps what is being judged, for a progress bar.

    Raises:
        ProgramError: If ``n`` is not positive, the folder holds something else or another suite, another process
            makes a suite there, or the bounds leave too few programs.
        WorkerError: If a process is killed over a draw, twice. What the other draws gave is kept, after an
            interruption too, for the next call with the same arguments.
    """
    if n < 1:
        raise ProgramError(f"n={n} makes no suite; ask for at least 1 model.")
    folder = Path(out)
    require_folder(folder, seed, bounds)
    start = time.perf_counter()
    workshop = folder / WORKSHOP
    workshop.mkdir(parents=True, exist_ok=True)
    with locked(workshop):
        require_folder(folder, seed, bounds)  # another process may have made a suite there meanwhile
        try:
            found, rejected, draws = _collected(n, seed, bounds, workshop, processes, report)
        except ProgramError:
            clear(workshop)
            raise
        members = tuple(member for member, _ in found)
        suite = Suite(seed, bounds, members, draws, rejected, time.perf_counter() - start)
        publish(workshop, {member.name: job.folder for member, job in found}, suite.manifest())
    return suite


def draw_number(seed: int, number: int, bounds: Bounds) -> Drawn:
    """One draw of a suite: of the depth, and the least number of heads, whose turn it is.

    Raises:
        Stuck: If nothing comes of it.
    """
    (low, high), (least, most) = bounds.depth, bounds.heads
    turn, depth = number // (high - low + 1), low + number % (high - low + 1)
    heads = least + turn % (min(most, WIDE) - least + 1) if least < WIDE else least
    dealt = replace(bounds, depth=(depth, depth), heads=(min(heads, max(least, depth)), most))
    return draw(seeded(random.Random(f"{seed}/{number}")), dealt)


def _collected(
    n: int,
    seed: int,
    bounds: Bounds,
    workshop: Path,
    processes: int,
    report: Callable[[Iterator[Any], int], Iterator[Any]],
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
        jobs = jobs_of(seed, range(draws, draws + missing), bounds, workshop)
        for job, found in report(_outcomes(jobs, processes), missing):
            if isinstance(found, str):
                rejected[found] += 1
            elif found.name in members:
                rejected["drawn before"] += 1
            else:
                members[found.name] = found, job
        draws += missing
    return list(members.values()), dict(rejected), draws


def _outcomes(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, Member | str]]:
    """The outcome of each job, in their order; one whose process is killed is made once more, alone.

    Raises:
        WorkerError: If some are lost then too; the others are kept.
    """
    lost: list[tuple[Job, Lost]] = []
    with contextlib.closing(run_in_order(outcome_of, jobs, processes=processes, again=True)) as outcomes:
        for job, found in outcomes:
            if isinstance(found, Lost):
                lost.append((job, found))
            else:
                yield job, found
    if lost:
        (job, how), more = lost[0], f" (and {len(lost) - 1} more draws)" if len(lost) > 1 else ""
        raise WorkerError(
            f"draw {job.number} of seed {job.seed}{more} was tried twice: {how}. No suite is written; what the other "
            f"draws gave is kept in {job.folder.parent}. Run again: the same command makes only what is missing."
        )


def outcome_of(job: Job) -> Member | str:
    """Draw, judge and store one model, or take what is kept of an earlier run; the reason if it is rejected."""
    return kept(job, _drawn)


def _drawn(job: Job) -> Member | str:
    import torch

    torch.set_num_threads(1)
    try:
        drawn = draw_number(job.seed, job.number, job.bounds)
        judged = judge(drawn, job.bounds)
    except Stuck:
        return "nothing fits any more"
    except Rejected as error:
        return error.reason
    model = judged.model
    kinds = ("fixed", "mixed") if model.pad_safe and len(model.domain.lengths) > 1 else ("fixed",)
    save(model, job.folder / model.name, [model.circuit("resample", lengths) for lengths in kinds])
    return Member(
        name=model.name,
        code=drawn.code,
        layers=model.weights.n_layers,
        heads=model.weights.n_heads,
        live=len(judged.circuit.edges),
        edges=len(model.graph.edges),
        shared_mlps=drawn.size.mlps,
        inputs=model.check.inputs,
        causal=model.causal,
    )


def _label(column: str, key: int) -> str:
    return f"{key}-{key + 9}" if column == "live edges" else str(key)
