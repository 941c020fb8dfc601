"""A cell that takes long says what it is at and how far it is: in a file while it runs, and beside the bar."""

import io
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from groundtruth import load
from groundtruth.bench import CellStore, cells_underway, run_cells
from groundtruth.bench.cells_underway import Underway, read_underway, say_longest, told_underway, with_share
from groundtruth.cli import main
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.executors import Processes
from groundtruth.report import progress
from groundtruth.results.circuit_scores import CircuitScores
from mib.localization import as_localizer, get
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.patience import PATIENCE, wait_until

WAITING = """import mib
from pathlib import Path
from tests.patience import wait_until

def mine(task):
    told = lambda: any("mine on hist" in path.read_text() for path in Path({folder!r}).glob("*.json"))
    wait_until(told, "the file of this cell")
    return mib.localization.get("random")(task)
"""

SEEN = """import sys
import mib
from tests.patience import wait_until

def mine(task):
    wait_until(lambda: "mine on hist " in sys.stderr.getvalue(), "a bar that names this cell")
    return mib.localization.get("random")(task)
"""


class Recorder(Underway):
    """Keeps what it is told."""

    def begin(self, what: str, share: Any = lambda: 0.0) -> None:
        self.told = [*getattr(self, "told", []), (what, share, share())]


@pytest.mark.parametrize("name", ["eap-ig-activations", "exact", "edge-pruning"])
def test_a_built_in_method_is_done_when_its_planned_passes_are(name: str) -> None:
    task, cell = localization_task(load("hist"), n_pairs=8), Recorder()
    with_share(get(name), cell, "hist", {})(task)
    (what, share, at_first), (after, _, _) = cell.told
    assert (what, at_first, after) == (f"{name} on hist", 0.0, f"measuring {name} on hist")
    assert share() == pytest.approx(1.0) if name != "exact" else 0 < share() <= 1
    task.engine.cost.forward, task.engine.cost.backward = task.engine.cost.forward / 2, task.engine.cost.backward / 2
    assert 0 < share() < 1


def test_a_method_of_ones_own_says_no_share_even_under_the_name_of_one_of_ours() -> None:
    task, cell = localization_task(load("hist"), n_pairs=8), Recorder()
    own = as_localizer(lambda task: get("exact")(task), name="exact")
    with_share(own, cell, "hist", {})(task)
    assert task.engine.cost.forward > 0 and cell.told[0][1]() == 0.0


def test_a_file_is_there_while_a_cell_is_at_work_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_underway, "WRITE_AFTER", 0.01)
    with told_underway(str(tmp_path)) as cell:
        cell.begin("eap on hist", lambda: 0.25)
        cell_told = ("eap on hist", 0.25)
        wait_until(lambda: [(what, share) for what, _, share in read_underway(tmp_path)] == [cell_told], "it")
        monkeypatch.setattr(cells_underway, "LONG", PATIENCE)
        assert say_longest(tmp_path) == ""
        cell.since -= PATIENCE
        pattern = rf"eap on hist {int(PATIENCE) // 60}:\d\d, 25%"
        wait_until(lambda: re.fullmatch(pattern, say_longest(tmp_path)), "its time")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_killed_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text('["eap on hist", 0.0, 0.5]')
    assert len(read_underway(tmp_path)) == 1
    os.utime(tmp_path / "1.json", (0, 0))
    assert read_underway(tmp_path) == []


def test_workers_tell_what_they_are_at(tmp_path: Path) -> None:
    folder = tmp_path / "underway"
    folder.mkdir()
    (tmp_path / "own.py").write_text(WAITING.format(folder=str(folder)))
    cell = circuit_cell(f"{tmp_path}/own.py:mine", "hist", n_pairs=8, max_sizes=3)
    store, where = CellStore(tmp_path / "cells"), Processes(2)
    ((_, outcome, _),) = run_cells([cell], store, executor=where, underway=folder, timeout=PATIENCE)
    assert isinstance(outcome, CircuitScores)
    assert list(folder.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_names_the_cell_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(SEEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(cells_underway, "WRITE_AFTER", 0.01)
    monkeypatch.setattr(cells_underway, "LONG", 0.0)
    monkeypatch.setattr(progress, "LOOK_AFTER", 0.01)
    with pytest.raises(SystemExit) as left:
        main(["score", "own.py:mine", "--models", "hist", "--against", "oracle", "--profile", "smoke", "--jobs", "1"])
    assert left.value.code == 0
