"""Make the cells of a submission, a model at a time; what is finished is kept, and what fails leaves the rest alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch

from mib.engine.ablations import Ablation, check_ablation
from mib.errors import MethodError, MibError, TaskError
from mib.leaderboard.submissions.submission_settings import record, settings_of
from mib.memory_budget import MEMORY
from mib.models import LoadedModel, SharedModel, load_model
from mib.tasks.data_sources import data_of
from mib.whole_files import remove_made

State = Literal["written", "kept", "failed", "skipped"]

OF_A_CELL = r"\.?(importances\.json|[^/]+_(featurizer|indices))(\.[0-9a-f]+)?"
"""Files that are written into the folder of a cell, and what an interruption leaves of them."""


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        cell: Its folder's name.
        state: ``written`` now; ``kept`` from an earlier run with the same settings; ``failed``; or ``skipped``, because
            the leaderboard has no such cell.
        detail: Path that was written, or why none was.
    """

    cell: str
    state: State
    detail: str


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all cells of a submission share.

    Attributes:
        out: The submission's folder.
        models: Model to load for each of the leaderboard's names.
        method: Identifies the method, with the version of its code where it has one.
        n: Number of pairs that a task has.
        seed: Seed of the pairs and the method.
        data: Origin of the examples: ``hub`` for MIB's, a folder with a folder for each task, or None to make them
            up.
        right_on: Keep pairs only if the model is right on their ``base``, on ``both`` prompts, or ``any``; default: as
            the track has it, ``any`` for circuits and ``both`` for featurizers.
        ablation: Kind of ablation of cut edges; circuits only.
        answer_prefix: Start of the answers of every task, instead of the task's own space or nothing.
        parameters: Hyper-parameters of the method that are not the default.
        memory: Bytes that a run may use beside the model.
        device: Device that models are put on.
        dtype: Dtype of the models.
    """

    out: Path
    models: Mapping[str, str | Path]
    method: str
    n: int = 100
    seed: int = 0
    data: str | Path | None = None
    right_on: str | None = None
    ablation: Ablation = "resample"
    answer_prefix: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    memory: int = MEMORY
    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if check_ablation(self.ablation) == "optimal":
            raise TaskError("ablation='optimal' needs constants: choose resample, zero, mean or mean-positional.")

    def data_of(self, task: str) -> str | PathLike[str] | None:
        """Return where a task's examples come from."""
        return data_of(self.data, task)

    def load(self, model: str) -> LoadedModel:
        """Load what stands for a model of the leaderboard."""
        return load_model(self.models[model], device=self.device, dtype=self.dtype)

    def settings(self, model: str, **more: object) -> dict[str, object]:
        """All that a cell's contents depend on; JSON."""
        shared = {"method": self.method, "n": self.n, "seed": self.seed, "dtype": self.dtype, "right_on": self.right_on}
        shared |= {"answer_prefix": self.answer_prefix, "parameters": dict(self.parameters)}
        where = {"model": str(self.models[model]), "data": None if self.data is None else str(self.data)}
        return {**shared, **where, **more}


@dataclass(frozen=True)
class Job:
    """A cell to be made.

    Attributes:
        cell: Its folder's name.
        task: The name of its task.
        model: The leaderboard's name of the model that it needs.
        settings: All that its contents depend on.
        make: Writes the cell with the loaded model, and says what was written.
    """

    cell: str
    task: str
    model: str
    settings: Mapping[str, Any]
    make: Callable[[LoadedModel], str]


@dataclass(frozen=True)
class Plan:
    """The cells of a submission.

    Attributes:
        setup: Options that they share.
        jobs: Jobs to be done; those of one model are in a row, so that it is loaded once.
        skipped: Cells that the leaderboard does not have.
    """

    setup: Setup
    jobs: tuple[Job, ...]
    skipped: tuple[Outcome, ...]

    def split_finished(self) -> tuple[list[Job], list[Outcome]]:
        """Part what is left to be made from what an earlier run finished with the same settings.

        Raises:
            FormatError: If the record of what is finished is broken.
        """
        out, done = self.setup.out, settings_of(self.setup.out)
        todo = [job for job in self.jobs if done.get(job.cell) != job.settings or not (out / job.cell).is_dir()]
        return todo, [Outcome(job.cell, "kept", "finished before") for job in self.jobs if job not in todo]


def make_cells(plan: Plan) -> Iterator[Outcome]:
    """Make the cells of a plan that are not finished, in this process.

    Yields:
        What became of each: first of those that are skipped, then of those that are kept, then as they are made.
    """
    setup = plan.setup
    setup.out.mkdir(parents=True, exist_ok=True)
    todo, kept = plan.split_finished()
    yield from (*plan.skipped, *kept)
    for name, jobs in groupby(todo, key=lambda job: job.model):
        lent = SharedModel(lambda name=name: setup.load(name))
        readable, problem = _attempt(lambda lent=lent: repr(lent.model))  # not once more for each cell
        for job in jobs:
            outcome = make_cell(setup, lent, job) if readable else Outcome(job.cell, "failed", problem)
            if outcome.state == "written":
                record(setup.out, job.cell, job.settings)
            yield outcome


def make_cell(setup: Setup, lent: SharedModel, job: Job) -> Outcome:
    """Make one cell in the folder of its setup; whatever its model or its method raises is its outcome."""
    written, problem = _attempt(lambda: _make(setup, lent, job))
    return Outcome(job.cell, "failed", problem) if written is None else Outcome(job.cell, "written", written)


def _make(setup: Setup, lent: SharedModel, job: Job) -> str:
    """Write a cell; not if its method changed the model, which then is read anew."""
    try:
        return lent.run(setup.method, lambda: job.make(lent.model))
    except MethodError:
        remove_made(setup.out / job.cell, OF_A_CELL)
        raise


def _attempt(make: Callable[[], Any]) -> tuple[Any, str]:
    """Give what it gives, or None and why."""
    try:
        return make(), ""
    except (MemoryError, torch.OutOfMemoryError) as error:
        return None, f"out of memory: {_first_line(error)}"
    except MibError as error:
        return None, str(error)
    except Exception as error:  # a user's method may raise anything; the other cells go on
        return None, f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no message").partition("\n")[0]
