"""Run cells: side by side, continuing where an earlier run stopped, each outcome kept as soon as it is there."""

import contextlib
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import torch

from groundtruth.bench.cells import Cell, CellStore, Failed, Outcome, Skipped, dtype_of
from groundtruth.bench.variable_cells import VariableCell, variable_evaluator
from groundtruth.devices import pick_device
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.specs import find_model, is_file_spec, load_featurizer, load_method
from groundtruth.store.catalog import library
from groundtruth.store.write import WEIGHTS
from groundtruth.workers import Lost, run_batches
from mib import featurization, localization
from mib.errors import MethodError, MibError

AnyCell = TypeVar("AnyCell", Cell, VariableCell)

Keyed = tuple[str, AnyCell]


def run_cells(cells: Sequence[AnyCell], store: CellStore, *, jobs: int = 1) -> Iterator[tuple[AnyCell, Outcome, bool]]:
    """Outcomes as they come: first those that are known, then the others as they are run.

    Whatever has come is kept: after an interruption a second call runs only the rest. Cells of one evaluator share its
    task and truth, but every method gets a fresh copy of the model.

    Args:
        cells: What to run.
        store: Where outcomes are looked up and kept.
        jobs: How many processes; with 1, this one runs all.

    Yields:
        The cell, its outcome, and whether it was known before.
    """
    keyed = [(cell.key, cell) for cell in cells]
    todo: list[Keyed[AnyCell]] = []
    for key, cell in keyed:
        known = store.get(key)
        if known is None:
            todo.append((key, cell))
        else:
            yield cell, known, True
    exams = [list(group) for _, group in groupby(todo, key=lambda item: item[1].evaluator)]
    with contextlib.closing(_run_all(exams, store, jobs)) as outcomes:  # an interruption ends the workers now
        for cell, outcome in outcomes:
            yield cell, outcome, False


def _run_all(
    exams: Sequence[list[Keyed[AnyCell]]], store: CellStore, jobs: int
) -> Generator[tuple[AnyCell, Outcome], None, None]:
    if jobs == 1 or len(exams) <= 1:
        for evaluator in exams:
            for key, cell in evaluator:
                yield cell, _run_and_keep(store, (key, cell))
        return
    largest_first = sorted(
        exams, key=lambda evaluator: -_size(evaluator[0][1].model)
    )  # lest one is left alone at the end
    run = partial(_run_and_keep, store)
    with contextlib.closing(run_batches(run, largest_first, processes=jobs)) as outcomes:
        for (_, cell), outcome in outcomes:
            yield cell, Failed(str(outcome)) if isinstance(outcome, Lost) else outcome


def _size(model: str) -> int:
    """Bytes of a shipped model; 0 for any other compiled one, more than all of them for a language model."""
    if is_language_model(model):
        return 2**40
    path = library() / model / WEIGHTS
    return path.stat().st_size if path.is_file() else 0


def _run_and_keep(store: CellStore, keyed: Keyed[AnyCell]) -> Outcome:
    key, cell = keyed
    outcome = run_cell(cell)
    store.put(key, outcome)
    return outcome


def run_cell(cell: Cell | VariableCell) -> Outcome:
    """The outcome of one cell."""
    try:
        evaluator = variable_evaluator(cell.evaluator) if isinstance(cell, VariableCell) else _evaluator(cell.evaluator)
    except DomainError as error:
        return Skipped(str(error), "model")
    except MibError as error:  # a checkpoint that cannot be read is no reason to lose the other models
        return Failed(str(error))
    except (MemoryError, RuntimeError) as error:  # nor is one that is too large
        return Failed(_told(error, cell.method))
    try:
        _refuse(cell, evaluator.task)
        # By what it was asked for: two files may have functions of one name.
        return replace(evaluator.score(_method(cell), dict(cell.parameters)), method=cell.method)
    except _CannotRun as error:
        return Skipped(str(error), "method")
    except MibError as error:
        return Failed(str(error))
    except Exception as error:  # whatever a user's method raises is an outcome of it, not of the benchmark
        return Failed(_told(error, cell.method))


class _CannotRun(Exception):
    pass


def _method(cell: Cell | VariableCell) -> Any:
    """A user's method, or the name of one of ours."""
    if not is_file_spec(cell.method):
        return cell.method
    if isinstance(cell, VariableCell):
        return load_featurizer(cell.method).method
    return load_method(cell.method, level=cell.level).localizer


def _refuse(cell: Cell | VariableCell, task: Any) -> None:
    """Say why a registered method cannot run, before it is run."""
    if cell.method == ORACLE or is_file_spec(cell.method):
        return
    registry = featurization if isinstance(cell, VariableCell) else localization
    try:
        registry.get(cell.method).check(task, **dict(cell.parameters))
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


@lru_cache(maxsize=1)
def _evaluator(cell: Cell) -> CircuitEvaluator | LanguageModelCircuitEvaluator:
    """The evaluator of a cell, kept for the next cell of it."""
    if cell.task:
        return LanguageModelCircuitEvaluator.of(
            cell.model,
            cell.task,
            ablation=cell.ablation,
            n_pairs=cell.n_pairs,
            max_sizes=cell.max_sizes,
            seed=cell.seed,
            level=cell.level,
            device=pick_device(cell.device),
            dtype=dtype_of(cell.dtype),
            prompts=cell.prompts,
        )
    return CircuitEvaluator.of(
        find_model(cell.model),
        ablation=cell.ablation,
        lengths=cell.lengths,
        n_pairs=cell.n_pairs,
        max_sizes=cell.max_sizes,
        seed=cell.seed,
        level=cell.level,
        device=pick_device(cell.device),
        dtype=dtype_of(cell.dtype),
    )
