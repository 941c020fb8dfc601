import json
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench.cells import Cell, CellStore, Failed, Skipped, dtype_of, model_sha256
from groundtruth.bench.running import run_cell
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from mib.errors import MethodError

CELL = Cell("eap", "hist", n_pairs=8, max_sizes=3)

METHOD = """import mib
import helper

def ones(task):
    return mib.EdgeScores(task.graph, [helper.VALUE] * len(task.graph.edges))
"""


def test_a_cell_is_named_by_all_that_its_outcome_depends_on() -> None:
    changed = [
        replace(CELL, method="exact"),
        replace(CELL, model="reverse"),
        replace(CELL, ablation="zero"),
        replace(CELL, level="node"),
        replace(CELL, seed=1),
        replace(CELL, lengths="fixed"),
        replace(CELL, n_pairs=9),
        replace(CELL, max_sizes=4),
        replace(CELL, dtype="float64"),
        replace(CELL, parameters=(("steps", 3),)),
    ]
    keys = [cell.key for cell in (CELL, *changed)]
    assert len(set(keys)) == len(keys)
    assert replace(CELL).key == CELL.key


def test_another_version_or_another_source_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    from groundtruth.bench import cells

    key = CELL.key
    monkeypatch.setattr(cells, "versions", lambda: {"torch": "0"})
    assert CELL.key != key
    monkeypatch.undo()
    monkeypatch.setattr(cells, "code_sha256", lambda: "0")
    assert CELL.key != key


def test_a_change_in_a_users_file_or_in_what_it_imports_is_another_cell(tmp_path: Path) -> None:
    from groundtruth.bench.cells import _method_sha256

    file, helper = tmp_path / "mine.py", tmp_path / "helper.py"
    file.write_text(METHOD)
    helper.write_text("VALUE = 1.0")
    cell = replace(CELL, method=f"{file}:ones")
    seen = {cell.key}
    for path, text in ((helper, "VALUE = 2.0"), (file, METHOD + "\n# other")):
        path.write_text(text)
        _method_sha256.cache_clear()  # within one process a file is read once
        seen.add(cell.key)
    assert len(seen) == 3
    (tmp_path / "unrelated.py").write_text("VALUE = 3.0")
    _method_sha256.cache_clear()
    assert cell.key in seen


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
        _ = replace(CELL, method="eep").key
    with pytest.raises(DomainError, match="dtype='int8' is none of a model. Choose from float32"):
        dtype_of("int8")
