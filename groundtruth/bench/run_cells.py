"""Run cells: side by side, continuing where an earlier run stopped, each outcome kept as soon as it is there."""

import contextlib
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from groundtruth.bench.cell import Cell, Failed, Outcome, Skipped
from groundtruth.bench.cell_key import cell_key
from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.tracks import track_of
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.isolated_method import IsolatedMethod
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.guarded_run import guard_process
from groundtruth.store.catalog import stored
from groundtruth.store.parsed_files import WEIGHTS
from groundtruth.user_methods import is_file_spec
from groundtruth.workers import Lost, run_batches
from mib.errors import MethodError, MibError

Keyed = tuple[str, Cell]


def run_cells(
    cells: Sequence[Cell], store: CellStore, *, jobs: int = 1, timeout: float | None = None
) -> Iterator[tuple[Cell, Outcome, bool]]:
    """Yield outcomes as they come: first those that are known, then the others as they are run.

    Whatever has come is kept: after an interruption a second call runs only the rest. Cells of one evaluator share its
    task and truth, but every method gets a fresh copy of the model.

    Args:
        cells: What to run.
        store: Where outcomes are looked up and kept.
        jobs: How many processes; with 1, this one runs all, unless there is a time limit.
        timeout: Seconds that a cell may take; one that takes longer has failed.

    Yields:
        The cell, its outcome, and whether it was known before.
    """
    keyed = [(cell_key(cell), cell) for cell in cells]
    todo: list[Keyed] = []
    for key, cell in keyed:
        known = store.get(key)
        if known is None:
            todo.append((key, cell))
        else:
            yield cell, known, True
    batches = [list(group) for _, group in groupby(todo, key=lambda item: item[1].evaluator)]
    # Closing ends the workers at once when the caller is interrupted.
    with contextlib.closing(_run_all(batches, store, jobs, timeout)) as outcomes:
        for cell, outcome in outcomes:
            yield cell, outcome, False


def _run_all(
    batches: Sequence[list[Keyed]], store: CellStore, jobs: int, timeout: float | None
) -> Generator[tuple[Cell, Outcome], None, None]:
    isolated = any(cell.isolated for batch in batches for _, cell in batch)
    # This process has run the files of isolated methods, to name their cells: another one holds the truth.
    if timeout is None and not isolated and (jobs == 1 or len(batches) <= 1):
        for key, cell in (keyed for batch in batches for keyed in batch):
            yield cell, _run_and_keep(store, (key, cell))
        return
    # Largest first, lest one is left alone at the end.
    ordered = sorted(batches, key=lambda batch: -_size(batch[0][1].model))
    run = partial(_run_and_keep, store)
    with contextlib.closing(run_batches(run, ordered, processes=jobs, timeout=timeout)) as outcomes:
        for (_, cell), outcome in outcomes:
            yield cell, Failed(str(outcome)) if isinstance(outcome, Lost) else outcome


def _size(model: str) -> int:
    """Bytes of a stored model; 0 for any other compiled one, more than all of them for a language model."""
    if is_language_model(model):
        return 2**40
    path = (stored(model) or Path(model)) / WEIGHTS
    return path.stat().st_size if path.is_file() else 0


def _run_and_keep(store: CellStore, keyed: Keyed) -> Outcome:
    key, cell = keyed
    outcome = run_cell(cell)
    store.put(key, outcome)
    return outcome


def run_cell(cell: Cell) -> Outcome:
    """Run one cell. Whatever a user's method does is an outcome of it: it neither ends nor changes this process."""
    try:
        with guard_process(restore=False):  # the model may be a program in a user's file
            evaluator = track_of(cell).evaluator(cell.evaluator)
    except DomainError as error:
        return Skipped(str(error), "model")
    except MibError as error:  # a checkpoint that cannot be read is no reason to lose the other models
        return Failed(str(error))
    except SystemExit as error:
        return Failed(f"the program of '{cell.model}' ends the process, with exit code {error.code}")
    except Exception as error:  # nor is one that is too large, or that a library gives up on
        return Failed(_told(error, cell.method))
    try:
        _refuse(cell, evaluator.task)
        with guard_process():
            scores = evaluator.score(_method(cell), dict(cell.parameters))
        # By what it was asked for: two files may have functions of one name.
        return replace(scores, method=cell.method)
    except _CannotRun as error:
        return Skipped(str(error), "method")
    except MibError as error:
        return Failed(str(error))
    except SystemExit as error:
        return Failed(f"it ends the process, with exit code {error.code}: a method returns scores or raises")
    except Exception as error:  # whatever a user's method raises is an outcome of it, not of the benchmark
        return Failed(_told(error, cell.method))


class _CannotRun(Exception):
    pass


def _method(cell: Cell) -> Any:
    """A user's method, or the name of one of ours."""
    if cell.isolated:
        return IsolatedMethod(cell.method)
    return track_of(cell).methods.find(cell.method, cell.setting.level) if is_file_spec(cell.method) else cell.method


def _refuse(cell: Cell, task: Any) -> None:
    """Say why a registered method cannot run, before it is run."""
    if cell.method == ORACLE or cell.isolated or is_file_spec(cell.method):
        return
    try:
        track_of(cell).methods.get(cell.method).check(task, **dict(cell.parameters))
    except MethodError as error:
        raise _CannotRun(str(error)) from error


def _told(error: BaseException, method: str) -> str:
    """What was raised, and where."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        lines = str(error).splitlines() or ["no more is known"]
        return f"out of memory: {lines[0]} ({_place(error, method)})"
    return f"{type(error).__name__}: {error} ({_place(error, method)})"


def _place(error: BaseException, method: str) -> str:
    """Where it was raised: the innermost line of the user's own file, if it is one's, else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    file = str(Path(method.rpartition(":")[0]).expanduser().resolve())
    frame = ([frame for frame in frames if frame.filename == file] or list(frames))[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
