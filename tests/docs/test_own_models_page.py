"""docs/own-models.md: its files and code run as they stand, and its command scores them."""

import re
import sys
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.evaluation.language_models import is_language_model

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


def test_the_command_scores_an_own_model_on_an_own_task(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_language_model("my_model.py:make") and not is_language_model("my_task.py:pairs")
    asked = ["--models", "my_model.py:make", "--task", "my_task.py:task", "--against", "", "--jobs", "1"]
    with pytest.raises(SystemExit) as left:
        main(["score", "random", "--profile", "smoke", *asked, "--out", str(folder / "out")])
    assert left.value.code == 0
    assert "my_model.py:make (my_task.py:task)" in capsys.readouterr().out
