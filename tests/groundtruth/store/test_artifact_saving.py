"""An interrupted save leaves the old files whole, and no litter."""

import json
import os

import pytest

from groundtruth import load
from groundtruth.errors import ArtifactError
from groundtruth.files import to_json, write_whole
from groundtruth.store.read import read_circuits
from groundtruth.store.write import save
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS, read

FILES = [MODEL, WEIGHTS, TRUTH]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Interrupted(BaseException):
    """As unfriendly as a KeyboardInterrupt."""


def after(calls, error):
    """A function that raises at one of its calls; before, the real one is called."""

    def wrap(real):
        left = iter(range(calls, -1, -1))

        def called(*args, **kwargs):
            if next(left, -1) == 0:
                raise error
            return real(*args, **kwargs)

        return called

    return wrap


@pytest.mark.parametrize("error", [Interrupted(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("files_written", [0, 1, 2])
def test_a_save_that_stops_while_it_writes_changes_nothing(copied, small_models, monkeypatch, error, files_written):
    folder = copied("hist")
    before = contents(folder)
    other = small_models["frac_prevs"]
    monkeypatch.setattr(os, "fdopen", after(files_written, error)(os.fdopen))
    with pytest.raises(type(error)):
        other.save(folder)
    monkeypatch.undo()
    assert contents(folder) == before
    other.save(folder)
    assert sorted(contents(folder)) == sorted(FILES)
    assert load(folder).name == "frac_prevs"


@pytest.mark.parametrize("files_replaced", [0, 1, 2])
def test_a_save_that_stops_between_two_files_is_noticed(copied, small_models, monkeypatch, files_replaced):
    """Three files cannot be replaced at once; every one is whole, and a mixture is refused by its hashes."""
    folder = copied("hist")
    old = contents(folder)
    other = small_models["frac_prevs"]
    monkeypatch.setattr(os, "replace", after(files_replaced, Interrupted())(os.replace))
    with pytest.raises(Interrupted):
        other.save(folder)
    monkeypatch.undo()
    found = contents(folder)
    assert sorted(found) == sorted(FILES)
    other.save(folder)
    new = contents(folder)
    assert all(found[name] in (old[name], new[name]) for name in FILES)
    assert sum(found[name] == new[name] for name in FILES) == files_replaced
    for name, content in found.items():
        (folder / name).write_bytes(content)
    if files_replaced:
        with pytest.raises(ArtifactError, match="SHA-256 differs"):
            read_circuits(folder, load(folder).graph)
    else:
        assert load(folder).name == "hist"


def test_nothing_is_written_of_a_model_that_cannot_be_stored(small_models, tmp_path, monkeypatch):
    monkeypatch.setattr("groundtruth.store.write.tabulate", after(0, ArtifactError("no table"))(None))
    with pytest.raises(ArtifactError, match="no table"):
        save(small_models["hist"], tmp_path / "new", [])
    assert not (tmp_path / "new").exists()


def test_a_model_is_stored_without_circuits_too(small_models, tmp_path):
    save(small_models["hist"], tmp_path, [])
    assert read(tmp_path / TRUTH)["circuits"] == []
    assert load(tmp_path).circuit("zero", "fixed").edges == small_models["hist"].circuit("zero", "fixed").edges


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert contents(tmp_path) == {"file": b"new"}


def test_json_is_compact_below_two_levels_and_refuses_what_json_has_not():
    data = {"a": [1, {"b": [2, 3], "c": {}}], "d": [], "e": "ü"}
    assert to_json(data).decode() == '{\n  "a": [\n    1,\n    {"b":[2,3],"c":{}}\n  ],\n  "d": [],\n  "e": "ü"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"a": float("nan")})


def test_a_lone_surrogate_is_spelt_out_for_utf_8_has_none():
    assert json.loads(to_json({"error": "caf\udce9 |\u00e9"})) == {"error": "caf\\udce9 |\u00e9"}
