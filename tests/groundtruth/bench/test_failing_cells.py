"""What goes wrong in one cell is said of that cell; others keep their results, and a re-run does what is missing."""

from pathlib import Path

import pytest

from groundtruth.bench import Cell, CellStore, Failed, Outcome, run_cells
from groundtruth.executors import Processes
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.workers import Lost, run_batches
from tests.groundtruth.bench.cell_makers import circuit_cell

METHODS = """import os
import signal
from pathlib import Path

import mib
import torch

HERE = Path(__file__).parent

def _scores(task, name, value=1.0):
    with (HERE / f"{name}.log").open("a") as log:
        log.write(f"{task.graph.n_layers}")
    return mib.EdgeScores(task.graph, [value] * len(task.graph.edges))

def _at_fault(task):
    return task.graph.n_layers == 2 and not (HERE / "repaired").exists()

def not_a_number(task):
    return _scores(task, "not_a_number", float("nan") if _at_fault(task) else 1.0)

def too_large(task):
    if _at_fault(task):
        torch.empty(2**50)
    return _scores(task, "too_large")

def too_large_for_python(task):
    if _at_fault(task):
        raise MemoryError
    return _scores(task, "too_large_for_python")

def killed(task):
    if _at_fault(task):
        os.kill(os.getpid(), signal.SIGKILL)
    return _scores(task, "killed")

def interrupted(task):
    if _at_fault(task):
        raise KeyboardInterrupt
    return _scores(task, "interrupted")
"""
MODELS = ("hist", "second_step", "reverse")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(METHODS)
    return path


def cells(file: Path, name: str) -> list[Cell]:
    return [circuit_cell(f"{file}:{name}", model, n_pairs=8, max_sizes=3) for model in MODELS]


def runs(file: Path, name: str) -> str:
    log = file.parent / f"{name}.log"
    return log.read_text() if log.exists() else ""


def outcomes(wanted: list[Cell], store: CellStore, jobs: int = 1) -> dict[str, Outcome]:
    return {cell.model: outcome for cell, outcome, _ in run_cells(wanted, store, executor=Processes(jobs))}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("not_a_number", "no finite score for "),
        ("too_large", "out of memory: "),
        ("too_large_for_python", "out of memory: no more is known (mine.py, line "),
    ],
)
def test_a_fault_on_one_model_is_its_own_and_only_it_is_run_again(
    file: Path, tmp_path: Path, name: str, says: str
) -> None:
    store, wanted = CellStore(tmp_path / "cells"), cells(file, name)
    found = outcomes(wanted, store)
    fault = found.pop("second_step")
    assert isinstance(fault, Failed)
    assert says in fault.error
    assert "\n" not in fault.error
    assert all(isinstance(outcome, CircuitScores) for outcome in found.values())
    before = runs(file, name)
    (tmp_path / "repaired").touch()
    again = outcomes(wanted, store)
    assert all(isinstance(outcome, CircuitScores) for outcome in again.values())
    assert {model: again[model] for model in found} == found
    assert runs(file, name) == before + "2"


def test_an_interruption_stops_at_once_and_loses_nothing(file: Path, tmp_path: Path) -> None:
    store, wanted = CellStore(tmp_path / "cells"), cells(file, "interrupted")
    with pytest.raises(KeyboardInterrupt, match=r"^1 of 3 cells are kept; the same command runs the rest\.$"):
        outcomes(wanted, store)
    assert runs(file, "interrupted") == "1"
    (tmp_path / "repaired").touch()
    assert list(outcomes(wanted, store)) == list(MODELS)
    assert runs(file, "interrupted") == "124"


@pytest.mark.slow
def test_a_killed_worker_costs_its_cell_and_nothing_else(file: Path, tmp_path: Path) -> None:
    store = CellStore(tmp_path / "cells")
    wanted = [cell for pair in zip(cells(file, "killed"), cells(file, "too_large"), strict=True) for cell in pair]
    found = {
        (cell.method.rpartition(":")[2], cell.model): o
        for cell, o, _ in run_cells(wanted, store, executor=Processes(2))
    }
    fault, after = found.pop(("killed", "second_step")), found.pop(("too_large", "second_step"))
    assert fault == Failed("its process was killed (signal 9): most likely out of memory")
    assert isinstance(after, Failed)  # the rest of the evaluator is run by another process
    assert after.error.startswith("out of memory: ")
    assert len(found) == 4
    assert all(isinstance(outcome, CircuitScores) for outcome in found.values())
    (tmp_path / "repaired").touch()
    assert all(isinstance(outcome, CircuitScores) for _, outcome, _ in run_cells(wanted, store, executor=Processes(2)))
    assert sorted(runs(file, "killed")) == ["1", "2", "4"]


@pytest.mark.slow
def test_a_killed_run_is_continued(file: Path, tmp_path: Path) -> None:
    """The process dies in the middle, as by the system's out-of-memory killer; a new one runs only what is missing."""
    assert list(run_batches(run_killed, [[str(tmp_path)]], processes=1)) == [(str(tmp_path), Lost(-9))]
    assert runs(file, "killed") == "1"
    assert len(list((tmp_path / "cells").glob("*.json"))) == 1
    assert not list((tmp_path / "cells").glob("*.tmp*"))
    (tmp_path / "repaired").touch()
    run_killed(str(tmp_path))
    assert runs(file, "killed") == "124"


def run_killed(folder: str) -> None:
    """Run the cells of the method that kills its process, in the process that runs this."""
    outcomes(cells(Path(folder) / "mine.py", "killed"), CellStore(Path(folder) / "cells"))
