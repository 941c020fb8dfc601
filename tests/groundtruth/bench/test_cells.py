import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groundtruth.bench import cell_key as keys
from groundtruth.bench.cell_key import cell_key, model_sha256
from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.request import dtype_of
from groundtruth.bench.run_cell import run_cell
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.results.cell import Cell, Failed, Skipped, cell_fields, read_cell
from groundtruth.results.circuit_scores import CircuitScores
from mib.errors import MethodError
from tests.groundtruth.bench.cell_makers import circuit_cell, variable_cell

METHOD = """import mib
import helper

def ones(task):
    return mib.EdgeScores(task.graph, [helper.VALUE] * len(task.graph.edges))
"""


def cell(method: str = "eap", model: str = "hist", **options: Any) -> Cell:
    return circuit_cell(method, model, **{"n_pairs": 8, "max_sizes": 3, **options})


CELL = cell()


def test_a_cell_is_named_by_all_that_its_outcome_depends_on() -> None:
    changed = [
        cell(method="exact"),
        cell(model="reverse"),
        cell(ablation="zero"),
        cell(level="node"),
        cell(seed=1),
        cell(lengths="fixed"),
        cell(n_pairs=9),
        cell(max_sizes=4),
        cell(dtype="float64"),
        cell(parameters=(("steps", 3),)),
    ]
    names = [cell_key(one) for one in (CELL, *changed)]
    assert len(set(names)) == len(names)
    assert cell_key(replace(CELL)) == cell_key(CELL)


@pytest.mark.parametrize("one", [CELL, variable_cell("das", "reverse", "opposite", "residual.2.post", controls=False)])
def test_a_cell_is_read_as_it_is_written_and_is_flat_there(one: Cell) -> None:
    data = json.loads(json.dumps(cell_fields(one)))
    assert read_cell(data) == one
    assert "setting" not in data


def test_another_version_or_another_source_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    key = cell_key(CELL)
    monkeypatch.setattr(keys, "versions", lambda: {"torch": "0"})
    assert cell_key(CELL) != key
    monkeypatch.undo()
    monkeypatch.setattr(keys, "source_sha256", lambda *_: "0")
    assert cell_key(CELL) != key


def test_a_change_in_a_users_file_or_in_what_it_imports_is_another_cell(tmp_path: Path) -> None:
    file, helper = tmp_path / "mine.py", tmp_path / "helper.py"
    file.write_text(METHOD)
    helper.write_text("VALUE = 1.0")
    mine = replace(CELL, method=f"{file}:ones")
    seen = {cell_key(mine)}
    for path, text in ((helper, "VALUE = 2.0"), (file, METHOD + "\n# other")):
        path.write_text(text)
        seen.add(cell_key(mine))
    assert len(seen) == 3
    (tmp_path / "unrelated.py").write_text("VALUE = 3.0")
    assert cell_key(mine) in seen


def test_a_stored_outcome_comes_back_as_it_was(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    row = run_cell(CELL)
    assert isinstance(row, CircuitScores)
    store.put("a", row)
    store.put("b", Skipped("no live edge", "model"))
    assert store.get("a") == row
    assert store.get("b") == Skipped("no live edge", "model")
    assert store.get("c") is None


def test_failures_are_not_kept_and_spoilt_files_are_not_trusted(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    store.put("a", Failed("ZeroDivisionError"))
    assert list(tmp_path.iterdir()) == []
    store.put("b", Skipped("reason", "method"))
    content = json.loads((tmp_path / "b.json").read_text())
    for spoilt in ("", "{", "[]", json.dumps({**content, "schema_version": 99}), json.dumps({"schema_version": 1})):
        (tmp_path / "b.json").write_text(spoilt)
        assert store.get("b") is None


def test_unknown_models_methods_and_dtypes_are_refused() -> None:
    with pytest.raises(ArtifactError, match="unknown model 'hits'. Did you mean: hist"):
        model_sha256("hits")
    with pytest.raises(MethodError, match="unknown localizer 'eep'. Did you mean: eap"):
        cell_key(replace(CELL, method="eep"))
    with pytest.raises(DomainError, match="dtype='int8' is none of a model. Choose from float32"):
        dtype_of("int8")
