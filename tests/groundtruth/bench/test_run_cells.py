from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench import Cell, CellStore, Failed, Skipped, run_cells
from groundtruth.executors import Processes
from groundtruth.results.circuit_scores import CircuitScores
from tests.groundtruth.bench.cell_makers import circuit_cell

COUNTING = """import mib
from pathlib import Path

LOG = Path(__file__).with_suffix(".log")

def counting(task):
    with LOG.open("a") as file:
        file.write("x")
    return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))

def failing(task):
    return 1 / 0

def partial(task):
    return mib.EdgeScores(task.graph, {str(edge): 1.0 for edge in task.graph.edges[1:]})
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(COUNTING)
    return path


def cells(*methods: str, models: tuple[str, ...] = ("hist", "copy_first")) -> list[Cell]:
    return [circuit_cell(method, model, n_pairs=8, max_sizes=3) for model in models for method in methods]


def runs(file: Path) -> int:
    log = file.with_suffix(".log")
    return len(log.read_text()) if log.exists() else 0


def test_a_second_run_continues_where_the_first_one_stopped(file: Path, tmp_path: Path) -> None:
    wanted = cells("oracle", f"{file}:counting")
    store = CellStore(tmp_path / "cells")
    stopped: Iterator = run_cells(wanted, store)
    first = [next(stopped) for _ in range(3)]
    stopped.close()  # type: ignore[attr-defined]
    assert runs(file) == 1
    assert [known for *_, known in first] == [False] * 3

    again = list(run_cells(wanted, store))
    assert runs(file) == 2
    assert [known for *_, known in again] == [True] * 3 + [False]
    assert {cell for cell, *_ in again} == set(wanted)
    assert [(cell, outcome) for cell, outcome, _ in again][:3] == [(cell, outcome) for cell, outcome, _ in first]

    assert all(known for *_, known in run_cells(wanted, store))
    assert runs(file) == 2


def test_a_failure_is_an_outcome_with_its_place_and_is_tried_again(file: Path, tmp_path: Path) -> None:
    store = CellStore(tmp_path / "cells")
    wanted = cells(f"{file}:failing", f"{file}:partial", "random", models=("hist",))
    for _ in range(2):
        outcomes = {cell.method.rpartition(":")[2]: outcome for cell, outcome, _ in run_cells(wanted, store)}
        assert outcomes["failing"] == Failed("ZeroDivisionError: division by zero (mine.py, line 12)")
        assert isinstance(outcomes["partial"], Failed)
        assert "no finite score for 1 of 13 edges: 'input->a0.h0<q>'" in outcomes["partial"].error
        assert isinstance(outcomes["random"], CircuitScores)
    assert [known for *_, known in run_cells(wanted, store)].count(True) == 1


CONSTANT = """from tracr.rasp import rasp
from groundtruth.programs import program

@program(vocab="ab", max_seq_len=3)
def always_one():
    \"\"\"One, whatever comes in.\"\"\"
    return rasp.Map(lambda _: 1, rasp.tokens)
"""


def test_a_model_without_live_edges_is_left_out_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "constant.py").write_text(CONSTANT)
    cell = circuit_cell("eap", f"{tmp_path}/constant.py:always_one", lengths="fixed", n_pairs=8, max_sizes=3)
    ((_, outcome, _),) = run_cells([cell], CellStore(tmp_path))
    assert isinstance(outcome, Skipped)
    assert outcome.scope == "model"
    assert "'always_one' needs no edge under resample ablation with fixed lengths" in outcome.reason


def test_a_method_that_cannot_run_is_left_out_and_says_why(tmp_path: Path) -> None:
    cell = circuit_cell("exact-node", "hist", n_pairs=8, max_sizes=3)
    ((_, outcome, _),) = run_cells([cell], CellStore(tmp_path))
    assert outcome == Skipped("exact-node scores node, not level='edge'.", "method")


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    wanted = cells("oracle", "exact", "random")
    one, two = (
        {
            cell: outcome
            for cell, outcome, _ in run_cells(wanted, CellStore(tmp_path / str(jobs)), executor=Processes(jobs))
        }
        for jobs in (1, 2)
    )
    for cell in wanted:
        mine, theirs = one[cell], two[cell]
        assert isinstance(mine, CircuitScores)
        assert isinstance(theirs, CircuitScores)
        assert (mine.live, mine.cpr, mine.cmd, mine.mib_cpr, mine.forward) == (
            theirs.live,
            theirs.cpr,
            theirs.cmd,
            theirs.mib_cpr,
            theirs.forward,
        )


ENDING = """import os
import sys

import torch

def leaves(task):
    sys.exit(0)

def leaves_at_once(task):
    os._exit(0)

def vandal(task):
    task.clean.copy_(task.counterfactual)
    torch.set_grad_enabled(False)
    raise RuntimeError("too late")
"""


@pytest.mark.parametrize("name", ["leaves", "leaves_at_once"])
def test_a_method_that_ends_the_process_has_failed(tmp_path: Path, name: str) -> None:
    (tmp_path / "ending.py").write_text(ENDING)
    ((_, outcome, _),) = run_cells(cells(f"{tmp_path}/ending.py:{name}", models=("hist",)), CellStore(tmp_path))
    assert isinstance(outcome, Failed)
    assert "it ends the process, with exit code 0" in outcome.error


def test_what_a_method_does_to_its_task_or_to_torch_reaches_no_other(tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(ENDING)
    alone = cells("exact", models=("hist",))
    ((_, wanted, _),) = run_cells(alone, CellStore(tmp_path / "alone"))
    after = cells(f"{tmp_path}/ending.py:vandal", "exact", models=("hist",))
    found = {cell.method: outcome for cell, outcome, _ in run_cells(after, CellStore(tmp_path / "after"))}
    assert isinstance(wanted, CircuitScores)
    assert replace(found["exact"], seconds=wanted.seconds) == wanted


def test_a_cell_that_takes_too_long_has_failed(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\n\ndef endless(task):\n    time.sleep(1800)\n")
    wanted = cells(f"{tmp_path}/slow.py:endless", models=("hist",))
    ((_, outcome, _),) = run_cells(wanted, CellStore(tmp_path / "cells"), timeout=1.0)
    assert outcome == Failed("it was stopped after 1 s, its time limit")


def test_fresh_runs_again_what_is_known(file: Path, tmp_path: Path) -> None:
    wanted = cells(f"{file}:counting", models=("hist",))
    list(run_cells(wanted, CellStore(tmp_path / "cells")))
    ((_, _, known),) = run_cells(wanted, CellStore(tmp_path / "cells", fresh=True))
    assert (known, runs(file)) == (False, 2)
