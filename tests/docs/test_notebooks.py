"""The notebooks run from the first cell to the last."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the site runs them in kernels of their own, which import all anew."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": path.stem}
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code":
            file = tmp_path / f"cell_{number}.py"  # where the source of its functions is looked up
            file.write_text(cell.source)
            exec(compile(cell.source, str(file), "exec"), names)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
