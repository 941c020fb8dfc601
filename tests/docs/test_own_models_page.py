"""docs/own-models.md: its files and code run as they stand, and its command scores them."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import cell_key, model_sha256
from groundtruth.bench.parcel import pack_sources
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli import main
from groundtruth.evaluation.language_models import checkpoint_sha256, is_language_model
from groundtruth.results.circuit_scores import CircuitScores
from tests.groundtruth.bench.cell_makers import circuit_cell

PAGE = (Path(__file__).parents[2] / "docs" / "own-models.md").read_text()
BLOCK = re.compile(r"```python(?: file=(\S+))?\n(.*?)```", re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, in the current folder."""
    for name, code in BLOCK.findall(PAGE):
        if name:
            (tmp_path / name).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("my_model", "my_task"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_the_code_runs_and_says_what_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, object] = {}
    for name, code in BLOCK.findall(PAGE):
        if not name:
            exec(code, space)
    out = capsys.readouterr().out
    assert re.search(r"^CPR [\d.]+, CMD [\d.]+, best edge \S+->\S+$", out, flags=re.MULTILINE)
    assert "the parts compute what the module computes: True" in out


@pytest.mark.parametrize("spelled", [".py:", ":"])
def test_the_command_scores_an_own_model_on_an_own_task(
    folder: Path, spelled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model, task = f"my_model{spelled}make", f"my_task{spelled}task"
    assert is_language_model(model) and not is_language_model(f"my_task{spelled}pairs")
    asked = ["--models", model, "--task", task, "--against", "", "--jobs", "1"]
    with pytest.raises(SystemExit) as left:
        main(["score", "random", "--profile", "smoke", *asked, "--out", str(folder / "out")])
    assert left.value.code == 0
    assert f"{model} ({task})" in capsys.readouterr().out


@pytest.mark.parametrize("spelled", [".py:", ":"])
@pytest.mark.parametrize("changed", ["my_model.py", "my_task.py", "beside.py"])
def test_a_cell_is_another_one_when_a_file_that_it_stands_on_changes(folder: Path, spelled: str, changed: str) -> None:
    (folder / "beside.py").write_text("VALUE = 1\n")
    with (folder / "my_task.py").open("a") as task:
        task.write("\nimport beside\n")
    cell = replace(circuit_cell("random", f"my_model{spelled}make"), task=f"my_task{spelled}task")
    before = cell_key(cell)
    assert cell_key(cell) == before
    with (folder / changed).open("a") as file:
        file.write("# changed\n")
    model_sha256.cache_clear()  # as the next command finds it
    checkpoint_sha256.cache_clear()
    assert cell_key(cell) != before


def test_an_own_model_on_an_own_task_travels_to_another_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = replace(circuit_cell("random", "my_model:make", n_pairs=16, max_sizes=3), task="my_task:task")
    here, job = run_cell(cell), write_cell_job(cell, checked=True)
    packed = pack_sources([], [cell.model, cell.task])
    for name in ("my_model.py", "my_task.py"):
        (folder / name).unlink()
    there = read_cell_outcome(run_cell_job(packed, job))
    assert isinstance(here, CircuitScores) and isinstance(there, CircuitScores)
    assert replace(there, seconds=here.seconds) == here
