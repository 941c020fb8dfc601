"""Run cells: side by side, continuing where an earlier run stopped, each outcome kept as soon as it is there."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import cell_key
from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.interrupts import watch_interrupts
from groundtruth.bench.parcel import pack_sources
from groundtruth.bench.worker_needs import worker_needs
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.executors import Executor, Processes, Serial
from groundtruth.results.cell import Cell, Failed, Outcome
from groundtruth.store.catalog import stored
from groundtruth.store.file_names import WEIGHTS
from groundtruth.workers import Lost

Keyed = tuple[str, Cell]

ONE_PROCESS = Processes(1)


def run_cells(
    cells: Sequence[Cell],
    store: CellStore,
    *,
    executor: Executor = ONE_PROCESS,
    timeout: float | None = None,
    underway: Path | None = None,
) -> Iterator[tuple[Cell, Outcome, bool]]:
    """Yield outcomes as they come: first those that are known, then the others as they are run.

    Whatever has come is kept: after an interruption a second call runs only the rest. Cells of one evaluator share its
    task and truth, but every method gets a fresh copy of the model.

    Args:
        cells: Cells to run.
        store: The folder of outcomes, which this process alone reads and writes.
        executor: Runs the cells; by default this process, unless there is a time limit.
        timeout: Seconds that a cell may take; one that takes longer has failed.
        underway: A folder into which workers on this machine write how far they are; see ``cells_underway``.

    Yields:
        The cell, its outcome, and whether it was known before.

    Raises:
        WorkerError: If a worker cannot start, or would compute something else than this process.
    """
    keyed = [(cell_key(cell), cell) for cell in cells]
    todo: list[Keyed] = []
    # All known outcomes before the first run, so that a progress bar starts where the last run stopped.
    for key, cell in keyed:
        known = store.get(key)
        if known is None:
            todo.append((key, cell))
        else:
            yield cell, known, True
    if not todo:
        return
    kept = len(keyed) - len(todo)
    try:
        # Closing ends the workers at once when the caller is interrupted.
        with (
            watch_interrupts() as interrupted,
            contextlib.closing(_run_all(todo, executor, timeout, underway)) as outcomes,
        ):
            for (key, cell), outcome in outcomes:
                if interrupted():  # the cell swallowed it, and its outcome may be what that led to
                    raise KeyboardInterrupt
                store.put(key, outcome)
                kept += 1
                yield cell, outcome, False
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(f"{kept} of {len(keyed)} cells are kept; the same command runs the rest.") from stopped


def _run_all(
    todo: Sequence[Keyed], executor: Executor, timeout: float | None, underway: Path | None
) -> Generator[tuple[Keyed, Outcome], None, None]:
    batches = [list(group) for _, group in groupby(todo, key=lambda item: item[1].evaluator)]
    if executor not in (Serial(), ONE_PROCESS):
        # Largest first, lest one is left alone at the end.
        batches.sort(key=lambda batch: -_size(batch[0][1].model))
    cells = [cell for _, cell in todo]
    how: dict[str, Any] = {"checked": executor.is_remote, "underway": None if executor.is_remote else underway}
    jobs = [[write_cell_job(cell, **how) for _, cell in batch] for batch in batches]
    asked = {
        job: keyed for texts, batch in zip(jobs, batches, strict=True) for job, keyed in zip(texts, batch, strict=True)
    }
    places = [place for cell in cells for place in (cell.model, cell.task)]
    run = executor.run_batches(
        run_cell_job,
        pack_sources([cell.method for cell in cells], places) if executor.is_remote else "",
        jobs,
        needs=worker_needs(cells),
        timeout=timeout,
        # This process has run the files of isolated methods, to name their cells: another one holds the truth.
        apart=any(cell.isolated for cell in cells),
    )
    with contextlib.closing(run) as outcomes:
        for job, outcome in outcomes:
            lost = isinstance(outcome, Lost)
            yield asked[job], Failed(str(outcome)) if lost else read_cell_outcome(outcome)


def _size(model: str) -> int:
    """Bytes of a stored model; 0 for any other compiled one, more than all of them for a language model."""
    if is_language_model(model):
        # No size is read: a checkpoint may not be on this machine yet.
        return 2**40
    path = (stored(model) or Path(model)) / WEIGHTS
    return path.stat().st_size if path.is_file() else 0
