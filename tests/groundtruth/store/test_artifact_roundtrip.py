"""What is stored comes back: weights, program, domain, provenance and every edge's truth."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tracr.rasp import rasp

from groundtruth import compile, load, programs, shipped
from groundtruth.rasp.expressions import children_first, trace
from groundtruth.store.catalog import library
from groundtruth.store.json_values import pack, unpack
from tests.groundtruth.store.conftest import SMALL
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS
from tests.hash_seeds import another_hash_seed

LARGE = ["reverse", "dyck1_prefix", "sort_freq", "long_addition", "odd_one_out", "surplus"]


def same_model(given, again):
    for name, array in given.weights.arrays().items():
        np.testing.assert_array_equal(array, again.weights.arrays()[name], strict=True)
    for attribute in ("name", "causal", "token_values", "decoder", "provenance", "check", "pad_safe"):
        assert getattr(given, attribute) == getattr(again, attribute), attribute
    for attribute in ("description", "family", "rasp_source"):
        assert getattr(given, attribute) == getattr(again, attribute), attribute
    assert str(given.domain) == str(again.domain)
    assert list(given.domain.enumerate()) == list(again.domain.enumerate())


def same_program(given, again):
    for mine, other in zip(children_first(given.program), children_first(again.program), strict=True):
        assert (type(mine), mine.label, mine.name) == (type(other), other.label, other.name)
        if isinstance(mine, rasp.SOp):
            assert rasp.get_encoding(mine) == rasp.get_encoding(other)
    for tokens in given.domain.enumerate():
        mine = trace(given.program, tokens, causal=given.causal)
        other = trace(again.program, tokens, causal=again.causal)
        assert mine == other
        assert [list(map(type, column)) for column in mine.values()] == [
            list(map(type, column)) for column in other.values()
        ]


@pytest.mark.parametrize("name", SMALL)
def test_what_is_stored_comes_back(small_models, stored, name):
    given, again = small_models[name], load(stored / name)
    same_model(given, again)
    same_program(given, again)
    assert again.folder == stored / name
    assert len(given.known_circuits) == (8 if given.pad_safe else 4)
    for circuit in given.known_circuits:
        assert again.circuit(circuit.ablation, circuit.lengths) == circuit


@pytest.mark.parametrize("name", SMALL)
def test_a_model_that_was_loaded_saves_the_same_bytes(stored, tmp_path, name):
    load(stored / name).save(tmp_path)
    for file in (WEIGHTS, MODEL, TRUTH):
        assert (tmp_path / file).read_bytes() == (stored / name / file).read_bytes(), file


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_shipped_models_are_what_their_programs_compile_to(name):
    given, again = compile(programs.get(name)), load(name)
    same_model(given, again)
    same_program(given, again)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reverse", "contains_x_twice_told", "surplus"])
def test_shipped_circuits_are_what_is_proven_now(name):
    given, again = compile(programs.get(name)), load(name)
    again.circuit()
    for circuit in again.known_circuits:
        assert given.circuit(circuit.ablation, circuit.lengths) == circuit


def test_tuples_come_back_as_tuples():
    for value in (None, True, 3, 0.1, "x", (), (1, "a"), ((1, 2), (3, (None,)))):
        assert unpack(pack(value)) == value
        assert type(unpack(pack(value))) is type(value)


_SAVE = """
import sys
from groundtruth import compile, programs
compile(programs.get("frac_prevs"))
program = programs.get("contains_x_twice_told")
compile(program.build(), vocab=("x", "y"), max_seq_len=2, name=program.name).save(sys.argv[1])
"""


def test_the_same_model_is_the_same_bytes_whatever_the_hash_seed_and_what_came_before(stored, tmp_path):
    subprocess.run([sys.executable, "-c", _SAVE, str(tmp_path / "again")], check=True, env=another_hash_seed())
    for file in (WEIGHTS, MODEL, TRUTH):
        assert (tmp_path / "again" / file).read_bytes() == (stored / "contains_x_twice_told" / file).read_bytes(), file


_LOAD = """
import json, sys
from pathlib import Path
from groundtruth import load, shipped
import groundtruth

ROOT = Path(groundtruth.__file__).parent
calls, rooms, runs = 0, set(), 0


def count(frame, event, _):
    global calls, runs
    calls += event in ("call", "c_call")
    if event == "call" and (file := Path(frame.f_code.co_filename)).is_relative_to(ROOT):
        rooms.add(file.relative_to(ROOT).parts[0])
        runs += frame.f_code.co_name == "attend"


def counted(name):
    global calls
    calls = 0
    sys.setprofile(count)
    load(name)
    sys.setprofile(None)
    return calls


load("hist")
counts = {name: counted(name) for name in shipped()}
heavy = {"jax", "haiku", "transformers", "transformer_lens", "sklearn"} & set(sys.modules)
print(json.dumps({"calls": counts, "rooms": sorted(rooms), "runs": runs, "heavy": sorted(heavy)}))
"""

_CALLS_PER_BYTE = 0.45
"""Most calls of functions, for each byte of an artifact's JSON, that a load may take.

They were .03 to .32 when this was set. Seconds tell a busy machine from a quiet one; calls are the same everywhere.
"""


def test_a_load_reads_each_file_about_once_and_neither_proves_nor_runs_nor_imports_what_is_heavy():
    run = subprocess.run([sys.executable, "-c", _LOAD], check=True, capture_output=True, text=True)
    found = json.loads(run.stdout)
    assert found["heavy"] == []
    assert set(found["rooms"]) == {"compiled", "files.py", "model.py", "store"}
    assert found["runs"] == 0
    assert set(found["calls"]) == set(shipped())
    sizes = {name: sum((library() / name / file).stat().st_size for file in (MODEL, TRUTH)) for name in shipped()}
    per_byte = {name: found["calls"][name] / sizes[name] for name in sizes}
    assert max(per_byte.values()) < _CALLS_PER_BYTE, max(per_byte, key=per_byte.__getitem__)
