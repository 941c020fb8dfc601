"""Run one cell: whatever comes of it is an outcome."""

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from groundtruth.bench.cells_underway import Underway, with_share
from groundtruth.bench.tracks import track_of
from groundtruth.errors import DomainError, VariantError
from groundtruth.evaluation.circuits.isolated_method import IsolatedMethod
from groundtruth.guarded_run import guard_process
from groundtruth.results.cell import ORACLE, Cell, Failed, Outcome, Skipped
from groundtruth.user_methods import find_method_file, is_own_method
from mib.errors import MethodError, MibError
from mib.localization import Localizer


def run_cell(cell: Cell, underway: Underway | None = None) -> Outcome:
    """Run one cell. Whatever a user's method does is an outcome of it: it neither ends nor changes this process.

    Args:
        cell: The cell.
        underway: Told what is being done, and how far it is.
    """
    underway = underway or Underway()
    underway.begin(f"preparing {cell.place}")
    try:
        with guard_process(restore=False):  # the model may be a program in a user's file
            evaluator = track_of(cell).evaluator(cell.evaluator)
    except DomainError as error:
        return Skipped(str(error), "model")
    except VariantError as error:  # nor can every model be made harder in every way
        return Skipped(f"'{cell.model}' cannot be made: {error}", "model")
    except MibError as error:  # a checkpoint that cannot be read is no reason to lose the other models
        return Failed(str(error))
    except SystemExit as error:
        return Failed(f"the program of '{cell.model}' ends the process, with exit code {error.code}")
    except Exception as error:  # nor is one that is too large, or that a library gives up on
        return Failed(_describe_error(error, cell.method))
    try:
        _require_runnable(cell, evaluator.task)
        with guard_process():
            # A copy: a method that changes its parameters must not change the next cell's.
            scores = evaluator.score(_choose_method(cell, underway), dict(cell.parameters))
        # By what it was asked for: two files may have functions of one name.
        return replace(scores, method=cell.method)
    except _CannotRun as error:
        return Skipped(str(error), "method")
    except DomainError as error:
        # The oracle knows nothing where no span of a trained model passes: no fault of it.
        return Skipped(str(error), "method") if cell.method == ORACLE else Failed(str(error))
    except MibError as error:
        return Failed(str(error))
    except SystemExit as error:
        return Failed(f"it ends the process, with exit code {error.code}: a method returns scores or raises")
    except Exception as error:  # whatever a user's method raises is an outcome of it, not of the benchmark
        return Failed(_describe_error(error, cell.method))


class _CannotRun(Exception):
    pass


def _choose_method(cell: Cell, underway: Underway) -> Any:
    """Choose what the evaluator runs: a localization method that tells how far it is, another, or the oracle's name."""
    underway.begin(f"{cell.method} on {cell.place}")
    if cell.isolated:
        return IsolatedMethod(cell.method)
    if cell.method == ORACLE:
        return ORACLE
    found = track_of(cell).methods.find(cell.method, cell.setting.level)
    return with_share(found, underway, cell.place, dict(cell.parameters)) if isinstance(found, Localizer) else found


def _require_runnable(cell: Cell, task: Any) -> None:
    """Say why a registered method cannot run, before it is run."""
    if cell.method == ORACLE or cell.isolated or is_own_method(cell.method):
        return
    try:
        track_of(cell).methods.get(cell.method).check(task, **dict(cell.parameters))
    except MethodError as error:
        raise _CannotRun(str(error)) from error


def _describe_error(error: BaseException, method: str) -> str:
    """Say what was raised, and where."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        lines = str(error).splitlines() or ["no more is known"]
        return f"out of memory: {lines[0]} ({_find_line(error, method)})"
    return f"{type(error).__name__}: {error} ({_find_line(error, method)})"


def _find_line(error: BaseException, method: str) -> str:
    """Find where it was raised: the innermost line of the user's own file if there is one, else of all."""
    frames = traceback.extract_tb(error.__traceback__)
    file = str(find_method_file(method)[0]) if is_own_method(method) else None
    frame = ([frame for frame in frames if frame.filename == file] or list(frames))[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
