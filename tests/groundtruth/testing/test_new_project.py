"""A new project runs as it is written, and nothing of anybody's is overwritten."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from groundtruth.cli import main
from groundtruth.errors import DomainError
from groundtruth.testing.new_project import FEATURIZER, LOCALIZER, WORKFLOW, ProjectKind, write_project

EXAMPLE = Path(__file__).parents[3] / "examples" / "ci"


def body(path: Path) -> str:
    """The code of the one function of a file, without its docstring."""
    (function,) = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return ast.unparse(function.body[1:])


@pytest.mark.parametrize("kind", [LOCALIZER, FEATURIZER], ids=lambda kind: kind.function)
def test_the_files_name_each_other_and_are_whole(tmp_path: Path, kind: ProjectKind) -> None:
    folder = tmp_path / "attribution"
    written = write_project(folder, kind, ci=True)
    assert sorted(written) == sorted(path for path in folder.rglob("*") if path.is_file())
    options = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    spec = f"{kind.function}.py:{kind.function}"
    assert options == f"--groundtruth-{kind.kind} {spec} --groundtruth-known known.toml"
    known = tomllib.loads((folder / "known.toml").read_text())[kind.function].get("fails", {})
    assert known == dict(kind.known)
    (job,) = yaml.safe_load((folder / WORKFLOW).read_text())["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert f"groundtruth score {spec}{kind.options} --profile smoke" in runs
    assert runs[-1] == 'cat results/*.md >> "$GITHUB_STEP_SUMMARY"'
    readme = (folder / "README.md").read_text()
    assert readme.startswith("# attribution\n") and "badge.svg" in readme and spec in readme
    for path in written:
        assert "{{" not in path.read_text() and "{%" not in path.read_text()


def test_the_method_is_that_of_the_example_whose_workflow_is_run(tmp_path: Path) -> None:
    write_project(tmp_path, LOCALIZER)
    assert body(tmp_path / "my_method.py") == body(EXAMPLE / "my_method.py")
    known = tomllib.loads((EXAMPLE / "known.toml").read_text())
    assert tomllib.loads((tmp_path / "known.toml").read_text()) == known
    assert not (tmp_path / ".github").exists()


def test_its_own_tests_pass(tmp_path: Path) -> None:
    write_project(tmp_path / "new", LOCALIZER)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-k", "hist"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path / "new", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "README.md"
    mine.write_text("mine")
    with pytest.raises(SystemExit) as left:
        main(["new-method", str(tmp_path), "--featurizer"])
    assert left.value.code == 2
    said = f"error: '{mine}' is there already, and nothing is overwritten. Name another folder.\n"
    assert capsys.readouterr().err == said
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"] and mine.read_text() == "mine"
    with pytest.raises(DomainError, match="is a file. Name a folder for the project."):
        write_project(mine, LOCALIZER)
