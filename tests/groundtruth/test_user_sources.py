"""A user's file runs once a process, and its hash covers what it imports from outside site-packages."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtruth.bench import CellStore, run_cells
from groundtruth.errors import ProgramError
from groundtruth.guarded_run import refuse_exit
from groundtruth.programs import load_program
from groundtruth.user_methods import load_localizer
from groundtruth.user_sources import load_user_file
from mib.errors import MethodError
from tests.groundtruth.bench.cell_makers import circuit_cell

COUNTED = """from pathlib import Path

import mib
from groundtruth.programs import program
from tracr.rasp import rasp

with Path(__file__).with_suffix(".log").open("a") as log:
    log.write("x")

def ones(task):
    return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))

def twos(task):
    return mib.EdgeScores(task.graph, [2.0] * len(task.graph.edges))

@program(vocab="ab", max_seq_len=3)
def doubled():
    \"\"\"The tokens as they are.\"\"\"
    return rasp.Map(lambda token: token, rasp.tokens)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(COUNTED)
    return path


def times_run(file: Path) -> int:
    return len(file.with_suffix(".log").read_text())


def test_three_cells_of_two_methods_run_their_file_once(file: Path, tmp_path: Path) -> None:
    methods = (f"{file}:ones", f"{file}:twos")
    cells = [circuit_cell(method, "hist", n_pairs=8, max_sizes=3) for method in methods]
    cells.append(circuit_cell(methods[0], "copy_first", n_pairs=8, max_sizes=3))
    assert len(list(run_cells(cells, CellStore(tmp_path / "cells")))) == 3
    assert load_program(f"{file}:doubled").name == "doubled"
    assert times_run(file) == 1


def test_a_file_that_has_changed_is_run_again(file: Path) -> None:
    first = load_localizer(f"{file}:ones")
    file.write_text(COUNTED + "\nVALUE = 1\n")
    second = load_localizer(f"{file}:ones")
    assert times_run(file) == 2
    assert first.source_sha256 != second.source_sha256


def test_two_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(f"VALUE = {value}\ndef value():\n    return VALUE\n")
    first, second = (load_user_file(tmp_path / folder / "same.py", error=MethodError).module for folder in ("a", "b"))
    assert (first.value(), second.value()) == (1, 2)
    assert first.__name__ != second.__name__


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package elsewhere on the path, as an editable install of a src layout puts it."""
    folder = tmp_path / "elsewhere" / "src" / "my_tools"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "deep.py").write_text("VALUE = 1.0\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    yield folder


@pytest.mark.parametrize(
    "text",
    [
        "from my_tools import deep\n",
        "def later():\n    from my_tools.deep import VALUE\n    return VALUE\n",
        "import importlib\ndeep = importlib.import_module('my_tools' + '.deep')\n",
    ],
)
def test_the_hash_covers_a_package_elsewhere_on_the_path(package: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    before = load_user_file(file, error=MethodError).sha256
    (package / "unrelated.txt").write_text("x")
    assert load_user_file(file, error=MethodError).sha256 == before
    (package / "deep.py").write_text("VALUE = 2.0  # another size\n")
    assert load_user_file(file, error=MethodError).sha256 != before


def test_the_hash_leaves_out_what_is_installed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import json\nimport numpy\nimport mib\n")
    assert load_user_file(file, error=MethodError).imported == ()


@pytest.mark.parametrize("ending", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"])
def test_a_file_that_ends_the_process_is_an_error(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "leaves.py"
    file.write_text(f"def mine(task):\n    return None\n{ending}\n")
    with pytest.raises(MethodError, match="fails when it is imported: it ends the process"):
        load_localizer(f"{file}:mine")
    with pytest.raises(ProgramError, match="fails when it is imported: it ends the process"), refuse_exit():
        load_program(f"{file}:mine")
    assert os._exit.__module__ in ("posix", "nt")
