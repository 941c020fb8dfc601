"""Make a submission's cells on any executor; what is finished is kept, and this process alone writes the folder."""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from groundtruth.bench.parcel import pack_sources
from groundtruth.bench.worker_needs import language_model_needs
from groundtruth.executors import Executor, Needs, Processes
from groundtruth.submissions.submission_job import read_submission_answer, run_submission_job, write_submission_job
from groundtruth.submissions.submitted_method import SubmittedMethod
from groundtruth.workers import Lost
from mib.leaderboard.submissions import Job, Outcome, Plan, Setup, files_of_a_part, join_cell
from mib.whole_files import remove_made

ONE_PROCESS = Processes(1)


def make_submission(
    method: SubmittedMethod, plan: Plan, *, executor: Executor = ONE_PROCESS, timeout: float | None = None
) -> Iterator[Outcome]:
    """Make the cells that are not finished.

    Cells of one task and model are made one after the other by one worker.

    Args:
        method: Method that makes them.
        plan: Its cells.
        executor: Runs them; by default this process, a model after the other, or one beside it where there is a
            time limit.
        timeout: Seconds that a cell may take; one that takes longer has failed.

    Yields:
        What became of each cell: first of those that are skipped or kept, then as they come.

    Raises:
        WorkerError: If no worker can start, or one on another machine would compute something else.
    """
    setup = plan.setup
    setup.out.mkdir(parents=True, exist_ok=True)
    todo, kept = plan.split_finished()
    yield from (*plan.skipped, *kept)
    if not todo:
        return
    for job in todo:
        remove_made(_part(setup, job), files_of_a_part(job.cell))  # an interruption's
    remote = executor.is_remote
    asked = {write_submission_job(method, setup, job, _part(setup, job), checked=remote): job for job in todo}
    batches = [list(texts) for _, texts in groupby(asked, key=lambda text: (asked[text].model, asked[text].task))]
    run = executor.run_batches(
        run_submission_job,
        pack_sources([method.spec], []) if remote else "",
        batches,
        needs=_needs(setup, todo),
        timeout=timeout,
    )
    with contextlib.closing(run) as outcomes:
        for text, answer in outcomes:
            job, part = asked[text], _part(setup, asked[text])
            lost = isinstance(answer, Lost)
            made = Outcome(job.cell, "failed", str(answer)) if lost else read_submission_answer(answer, part)
            # Renamed into place only here: a folder that a leaderboard reads never holds half a cell.
            yield join_cell(part, setup.out, job, made)


def _part(setup: Setup, job: Job) -> Path:
    """Find where a cell is made, or unpacked, before it is joined: beside its place, so that it is only renamed."""
    return setup.out / f".{job.cell}.made"


def _needs(setup: Setup, jobs: Sequence[Job]) -> Needs:
    models = {str(setup.models[job.model]) for job in jobs}
    return language_model_needs(models, memory=setup.memory, devices=[setup.device])
