"""An isolated method gets its task and nothing else, and its scores are those that it has in our own process."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from groundtruth.bench import Request, find_track, plan_cells
from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.run_cells import run_cells
from groundtruth.cli import main
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.evaluation.circuits.isolated_method import IsolatedMethod
from groundtruth.evaluation.circuits.method_process import run_method
from groundtruth.evaluation.own_task import own_copy
from groundtruth.model import load
from groundtruth.results.circuit_scores import CircuitScores
from mib.errors import MethodError
from mib.localization import get

METHODS = '''
import gc, os, time
import mib
from mib.localization import get

def peeks(task):
    """Take the truth from the process, if it is there."""
    circuits = [item for item in gc.get_objects() if type(item).__name__ == "Circuit"]
    found = [item for item in circuits if item.ablation == "resample" and item.graph.edges == task.graph.edges]
    live = {str(edge) for circuit in found for edge in circuit.edges}
    return mib.EdgeScores(task.graph, {str(edge): float(str(edge) in live) for edge in task.graph.edges})

def prints(task, *, steps=5):
    """Print, on the stream and past it, and score as a method of ours does."""
    print("{")
    os.write(1, b"{")
    return get("eap-ig-inputs")(task, steps=steps)

def fails(task):
    """Fail."""
    return 1 / 0

def refuses(task):
    """Return something else."""
    return 3

def ends(task):
    """End the process."""
    os._exit(0)
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("methods") / "mine.py"
    path.write_text(METHODS)
    return path


@pytest.fixture(scope="module")
def evaluator() -> CircuitEvaluator:
    return CircuitEvaluator.of(load("hist"), n_pairs=16, dtype=torch.float64)


@pytest.mark.slow
def test_scores_and_cost_are_the_same_in_both_processes_and_what_a_method_prints_is_no_answer(
    file: Path, evaluator: CircuitEvaluator, capfd: pytest.CaptureFixture[str]
) -> None:
    here, there = own_copy(evaluator.task), own_copy(evaluator.task)
    scores = get("eap-ig-inputs")(here, steps=3)
    isolated, _ = IsolatedMethod(f"{file}:prints").run(there, {"steps": 3})
    np.testing.assert_array_equal(isolated.values, scores.values)
    assert there.engine.cost == here.engine.cost
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_the_truth_is_in_our_process_and_not_in_that_of_an_isolated_method(file: Path, tmp_path: Path) -> None:
    found: dict[bool, CircuitScores] = {}
    for isolated in (False, True):
        request = Request("smoke", models=["hist"], methods=[f"{file}:peeks"], isolated=isolated)
        cells = plan_cells(find_track("circuits"), request)
        ((_, outcome, known),) = run_cells(cells, CellStore(tmp_path))
        assert isinstance(outcome, CircuitScores) and not known  # what the one found is no answer of the other
        assert outcome.truth is not None
        found[isolated] = outcome
    # The process of the tests may hold circuits of other programs with the same graph, whose edges are taken as well.
    assert found[False].truth and found[False].truth.live.auroc > 0.5
    assert found[True].truth and found[True].truth.live.auroc == 0.5


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("fails", "ZeroDivisionError: division by zero (mine.py, line 21)"),
        ("refuses", "refuses returned a int; a task of level 'edge' wants mib.EdgeScores."),
        ("absent", "has no function 'absent'"),
    ],
)
def test_a_method_that_fails_says_so(file: Path, evaluator: CircuitEvaluator, name: str, error: str) -> None:
    question = IsolatedMethod(f"{file}:{name}").question(own_copy(evaluator.task), {})
    assert error in run_method(question)["error"]


def test_what_the_process_answers_is_the_error(
    file: Path, evaluator: CircuitEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IsolatedMethod, "_answer", lambda _, asked: run_method(pickle.loads(asked)))
    with pytest.raises(MethodError, match="has no function 'absent'"):
        IsolatedMethod(f"{file}:absent").run(own_copy(evaluator.task), {})


@pytest.mark.slow
def test_the_end_of_the_process_is_an_error(file: Path, evaluator: CircuitEvaluator) -> None:
    with pytest.raises(MethodError, match="ends the process, with exit code 0: a method returns scores or raises"):
        IsolatedMethod(f"{file}:ends").run(own_copy(evaluator.task), {})


def test_methods_of_ours_and_on_language_models_are_not_isolated(file: Path) -> None:
    request = Request(
        "smoke", models=["hist", "learned"], tasks=["ioi"], methods=[f"{file}:ends", "eap"], isolated=True
    )
    isolated = {
        (cell.method.rpartition(":")[2], cell.model)
        for cell in plan_cells(find_track("circuits"), request)
        if cell.isolated
    }
    assert isolated == {("ends", "hist")}


def test_featurizers_are_not_isolated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["score", "das", "--track", "variables", "--isolated"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: --isolated is an option of --track circuits: a featurizer is code that runs while it is scored. "
        "Leave it out.\n"
    )
