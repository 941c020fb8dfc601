"""A user's program is one program, whether it is named by its file or by its module, in every command and elsewhere."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import model_sha256
from groundtruth.bench.parcel import pack_sources
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli import main
from groundtruth.errors import ProgramError
from groundtruth.programs import Program, find_program, load_program
from groundtruth.programs.registry import PROGRAMS
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.specs import find_model
from tests.groundtruth.bench.cell_makers import circuit_cell, forget_package

PROGRAM = """from groundtruth.programs import program
from tracr.rasp import rasp

from . import LONGEST
from .steps import step


@program(vocab=(0, 1), max_seq_len=LONGEST)
def shifted():
    \"\"\"Each token, one more.\"\"\"
    return rasp.Map(step, rasp.tokens)
"""

SPELLINGS = ("lab.programs:shifted", "lab/programs.py:shifted")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package in the working directory with a program that stands on two of its files."""
    folder = tmp_path / "home" / "lab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("LONGEST = 2\n")
    (folder / "steps.py").write_text("def step(x):\n    return x + 1\n")
    (folder / "programs.py").write_text(PROGRAM)
    monkeypatch.chdir(folder.parent)
    yield folder
    forget_package("lab")


def test_both_spellings_are_one_program_with_one_hash(lab: Path) -> None:
    by_module, by_file = map(find_program, SPELLINGS)
    assert isinstance(by_module, Program) and by_module is by_file is load_program(SPELLINGS[0])
    assert len({model_sha256(spec) for spec in SPELLINGS}) == 1
    assert find_model(f"{SPELLINGS[0]}@rotated").run([0, 1]) == [1, 2]


@pytest.mark.parametrize("spec", SPELLINGS)
def test_what_a_program_imports_may_change_in_one_process(lab: Path, spec: str) -> None:
    assert find_model(spec).run([0, 1]) == [1, 2]
    (lab / "steps.py").write_text("def step(x):\n    return x + 2\n")
    assert find_model(spec).run([0, 1]) == [2, 3]


@pytest.mark.parametrize("spec", SPELLINGS)
@pytest.mark.parametrize(
    "command",
    [
        "show {} --json", "compile {} --json", "explore {} --out page.html", "why random {} --json",
        "score random --models {} --against oracle --out results --json", "realism {} --json",
        "repro {} --method random --property deterministic", "test-circuit truth --model {} --json",
        "learn-program {} --steps 1 --attempts 1",
    ],
)  # fmt: skip
def test_every_command_takes_it(lab: Path, spec: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(command.format(spec).split())
    told = capsys.readouterr()
    if command.startswith("learn-program"):  # in one step it learns nothing
        assert told.err.startswith("error: no program was learned for 'shifted' in 1 attempts")
    else:
        assert int(left.value.code or 0) in (0, 1) and "error: " not in told.err, told.err


def test_a_name_that_ships_is_no_module(lab: Path) -> None:
    (lab.parent / "hist.py").write_text("1 / 0\n")
    with pytest.raises(ValueError, match="unknown model 'hist:shifted'"):
        find_model("hist:shifted")
    with pytest.raises(ProgramError, match="no module 'gone' below"):
        find_model("gone:shifted")


@pytest.mark.parametrize("spec", SPELLINGS)
def test_its_package_travels_to_another_machine(lab: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = circuit_cell("random", spec, n_pairs=8, max_sizes=3)
    here, job, packed = run_cell(cell), write_cell_job(cell, checked=True), pack_sources([], [spec])
    forget_package("lab")
    monkeypatch.chdir(lab.parent.parent)
    shutil.rmtree(lab.parent)
    others = {name: entry for name, entry in PROGRAMS._entries.items() if name != "shifted"}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(PROGRAMS, "_entries", others)
        there = read_cell_outcome(run_cell_job(packed, job))
    assert isinstance(here, CircuitScores) and isinstance(there, CircuitScores)
    assert replace(there, seconds=here.seconds) == here
