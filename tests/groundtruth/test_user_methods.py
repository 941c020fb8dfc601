"""A user's method is one method, whether it is named by its file or by its module."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtruth.bench import CellStore, run_cells
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli import main
from groundtruth.executors import Processes
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.user_methods import load_localizer
from mib.errors import MethodError
from tests.groundtruth.bench.cell_makers import circuit_cell, forget_package
from tests.patience import PATIENCE

METHODS = """import mib

from .parts import weigh
from . import OFFSET


def mine(task: mib.LocalizationTask) -> mib.EdgeScores:
    from ..late import SIGN
    return mib.EdgeScores(task.graph, [SIGN * weigh(i) + OFFSET for i in range(len(task.graph.edges))])
"""

TELLS = """
import os, pathlib, sys

with pathlib.Path({places!r}).open("a") as file:
    print(os.getpid(), pathlib.Path(sys.argv[0]).name, file=file)
"""
"""Tells in which process and program a module is imported."""

SPELLINGS = ("lab.core.methods:mine", "lab/core/methods.py:mine")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package in the working directory whose modules import each other relatively, absolutely and late."""
    core = tmp_path / "lab" / "core"
    core.mkdir(parents=True)
    (tmp_path / "lab" / "__init__.py").write_text("SCALE = 0.5\n")
    (core / "__init__.py").write_text("OFFSET = 1.0\n")
    (core / "parts.py").write_text("from .. import SCALE\n\ndef weigh(i):\n    return i * SCALE\n")
    (tmp_path / "lab" / "late.py").write_text("from lab.core import OFFSET\n\nSIGN = OFFSET\n")
    (core / "methods.py").write_text(METHODS)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    forget_package("lab")


def test_both_spellings_are_one_method_with_one_hash(lab: Path) -> None:
    by_module, by_file = (load_localizer(spec) for spec in SPELLINGS)
    assert by_module == by_file
    assert by_module.method.function.__module__ == "lab.core.methods"


@pytest.mark.parametrize("spec", SPELLINGS)
@pytest.mark.parametrize("changed", ["lab/__init__.py", "lab/core/parts.py", "lab/late.py"])
def test_a_change_anywhere_in_the_package_is_another_method(lab: Path, spec: str, changed: str) -> None:
    cell = circuit_cell(spec, "hist", n_pairs=8, max_sizes=3)
    before, first = load_localizer(spec).source_sha256, run_cell(cell)
    (lab / changed).write_text({"__init__": "SCALE = -2", "parts": "weigh = float", "late": "SIGN = -1"}[
        (lab / changed).stem
    ])  # fmt: skip
    assert load_localizer(spec).source_sha256 != before
    second = run_cell(cell)
    assert isinstance(first, CircuitScores) and isinstance(second, CircuitScores)
    assert first.scores != second.scores


def test_worker_processes_and_isolated_ones_find_it(lab: Path) -> None:
    spec, places = SPELLINGS[0], lab / "places"
    with (lab / "lab" / "core" / "methods.py").open("a") as methods:
        methods.write(TELLS.format(places=str(places)))
    plain = circuit_cell(spec, "hist", n_pairs=8, max_sizes=3)
    alone = circuit_cell(spec, "hist", n_pairs=8, max_sizes=3, isolated=True)
    here = run_cell(plain)
    assert isinstance(here, CircuitScores)
    for cell in (plain, alone):
        store = CellStore(lab / f"cells-{cell.isolated}")
        ((_, there, _),) = run_cells([cell], store, executor=Processes(2), timeout=PATIENCE)  # not in this process
        assert isinstance(there, CircuitScores) and there.scores == here.scores
    found = [line.split() for line in places.read_text().splitlines()]
    assert found[0][0] == str(os.getpid()) != found[1][0]
    assert found[-1][0] not in {found[0][0], found[1][0]} and found[-1][1] == "method_process.py"


@pytest.mark.parametrize("spec", SPELLINGS)
def test_every_command_takes_it(lab: Path, spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    quick = "--models hist --against random --out results --json"
    for arguments in (
        f"score {spec} {quick}", f"bench --methods {spec} --models hist --out results --json", f"check {spec} --json",
        f"why {spec} hist --json", f"test-circuit {spec} --model hist --top 4 --json",
        f"explore hist --method {spec} --out page.html",
    ):  # fmt: skip
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments.split())
        told = capsys.readouterr()
        assert int(left.value.code or 0) in (0, 1), (arguments, told.err)
        assert told.err == ""
    (result,) = (lab / "results").glob("*-mine-*.json")
    assert spec in json.loads(result.read_text())["methods_sha256"]


def test_a_package_of_a_name_that_the_process_has_from_elsewhere_leaves_the_file_to_itself(lab: Path) -> None:
    other = lab / "other" / "lab"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "plain.py").write_text("VALUE = 3\n\ndef mine(task):\n    return VALUE\n")
    (other / "relative.py").write_text("from . import SCALE\n\ndef mine(task):\n    return SCALE\n")
    load_localizer(SPELLINGS[0])
    assert load_localizer(f"{other}/plain.py:mine").method.function(None) == 3  # pyright: ignore[reportArgumentType]
    with pytest.raises(MethodError, match="relative.py fails when it is imported: ImportError"):
        load_localizer(f"{other}/relative.py:mine")
