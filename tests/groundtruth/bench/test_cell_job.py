"""A worker on another machine gets a user's files with its cells, and refuses to compute something else."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench import Cell, Failed
from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import model_sha256
from groundtruth.bench.parcel import pack_sources
from groundtruth.bench.run_cell import run_cell
from groundtruth.errors import WorkerError
from groundtruth.programs.registry import PROGRAMS
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.store.catalog import find_folder
from tests.groundtruth.bench.cell_makers import circuit_cell, forget_package

METHODS = """import mib
from lib.weights import weigh

def mine(task):
    return mib.EdgeScores(task.graph, [weigh(i) for i in range(len(task.graph.edges))])

def failing(task):
    raise OSError(f"cannot read {__file__}")
"""

PROGRAM = """from tracr.rasp import rasp
from groundtruth.programs import program

@program(vocab="ab", max_seq_len=3)
def same():
    \"\"\"The input.\"\"\"
    return rasp.Map(lambda token: token, rasp.tokens)
"""


def small_cell(method: str, model: str) -> Cell:
    return circuit_cell(method, model, n_pairs=8, max_sizes=3)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the driver has its files: named from there, as users do."""
    folder = tmp_path / "home"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "__init__.py").touch()
    (folder / "lib" / "weights.py").write_text("def weigh(i):\n    return i * 0.5\n")
    (folder / "mine.py").write_text(METHODS)
    (folder / "programs.py").write_text(PROGRAM)
    shutil.copytree(find_folder("hist"), folder / "suite" / "g0")
    monkeypatch.chdir(folder)
    return folder


def test_files_of_methods_programs_and_models_travel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [small_cell("mine.py:mine", "suite/g0"), small_cell("eap", "programs.py:same")]
    cells.append(small_cell("mine.py:failing", "hist"))
    here = [run_cell(cell) for cell in cells]
    packed, jobs = (
        pack_sources([cell.method for cell in cells], [cell.model for cell in cells]),
        [write_cell_job(cell, checked=True) for cell in cells],
    )
    monkeypatch.chdir(home.parent)
    shutil.rmtree(home)
    with monkeypatch.context() as elsewhere:  # ends here, else it would put the program back after the test
        others = {name: entry for name, entry in PROGRAMS._entries.items() if name != "same"}
        elsewhere.setattr(PROGRAMS, "_entries", others)
        there = [read_cell_outcome(run_cell_job(packed, job)) for job in jobs]
    for mine, theirs in zip(here[:2], there[:2], strict=True):
        assert isinstance(mine, CircuitScores) and isinstance(theirs, CircuitScores)
        assert replace(theirs, seconds=mine.seconds) == mine
    assert there[0].method == "mine.py:mine"
    assert there[2] == Failed("OSError: cannot read mine.py (mine.py, line 8)")


def test_a_worker_that_would_compute_something_else_refuses(home: Path) -> None:
    job = json.loads(write_cell_job(small_cell("mine.py:mine", "suite/g0"), checked=True))
    job["grounds"]["versions"]["torch"] = "0.1"
    job["grounds"]["code"] = "f00" * 8
    (home / "lib" / "weights.py").write_text("def weigh(i):\n    return i * 0.25\n")
    with pytest.raises(WorkerError) as raised:
        run_cell_job("", json.dumps(job))
    told = str(raised.value)
    assert "would compute something else than the driver asks for" in told
    assert "the sources of the method (" in told
    assert ", f00f00f00f00 there)" in told
    assert "here, 0.1 there" in told
    assert "numpy" not in told and "the model's files" not in told


def test_what_does_not_travel_is_missed(home: Path) -> None:
    job = write_cell_job(small_cell("eap", "./suite/g0"), checked=True)
    shutil.rmtree(home / "suite")
    model_sha256.cache_clear()  # another machine has never seen it
    with pytest.raises(
        WorkerError, match="what 'eap' on './suite/g0' stands on is not here: unknown model './suite/g0'"
    ):
        run_cell_job("", job)


def test_a_parcel_writes_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a parcel with a file outside its folder: ../../evil.py"):
        packed = json.dumps({"mine.py": {"place": "mine.py", "files": {"../../evil.py": ""}}})
        run_cell_job(packed, write_cell_job(small_cell("eap", "hist"), checked=False))


@pytest.mark.parametrize("method", ["lab.methods:mine", "lab/methods.py:mine"])
def test_a_package_travels_however_its_method_is_spelled(home: Path, method: str, monkeypatch) -> None:
    (home / "lab").mkdir()
    (home / "lab" / "__init__.py").write_text("HALF = 0.5\n")
    (home / "lab" / "parts.py").write_text("from . import HALF\n\ndef weigh(i):\n    return i * HALF\n")
    (home / "lab" / "methods.py").write_text(METHODS.replace("lib.weights", ".parts"))
    cell = small_cell(method, "hist")
    here, job = run_cell(cell), write_cell_job(cell, checked=True)
    packed = pack_sources([method], ["hist"])
    monkeypatch.chdir(home.parent)
    shutil.rmtree(home)
    forget_package("lab")  # another process has never seen it
    there = read_cell_outcome(run_cell_job(packed, job))
    assert isinstance(here, CircuitScores) and isinstance(there, CircuitScores)
    assert replace(there, seconds=here.seconds) == here
    assert there.method == method
    forget_package("lab")
