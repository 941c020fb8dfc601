"""Whatever a stored model says, reading it gives a model or an ArtifactError, and verifying it an outcome."""

import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from groundtruth import CompiledModel, load, verify
from groundtruth.errors import ArtifactError
from groundtruth.store.read import read_circuits, read_variables
from groundtruth.truth.circuits.circuit import Circuit
from tests.groundtruth.store.conftest import SMALL
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS, read, rehash
from tests.mutations import MUTATED, mutated

FUZZED = settings(MUTATED, max_examples=80)


def read_all(folder):
    """The model and its circuits, if they and its variables can be read."""
    try:
        model = load(folder)
        circuits = read_circuits(folder, model.graph)
        read_variables(folder, model)
    except ArtifactError:
        return None
    assert isinstance(model, CompiledModel)
    assert all(isinstance(circuit, Circuit) for circuit in circuits)
    return model, circuits


@FUZZED
@given(data=st.data(), name=st.sampled_from(sorted(SMALL)))
def test_no_description_makes_reading_fail_otherwise(stored, tmp_path, data, name):
    original = (stored / name / MODEL).read_bytes()
    changed = json.dumps(data.draw(mutated(json.loads(original)))).encode()
    truth = read(stored / name / TRUTH) | {"model_sha256": hashlib.sha256(changed).hexdigest()}
    (tmp_path / WEIGHTS).write_bytes((stored / name / WEIGHTS).read_bytes())
    (tmp_path / MODEL).write_bytes(changed)
    (tmp_path / TRUTH).write_text(json.dumps(truth))
    read_all(tmp_path)


@FUZZED
@given(data=st.data(), name=st.sampled_from(sorted(SMALL)))
def test_no_truth_makes_reading_fail_otherwise(stored, tmp_path, data, name):
    for file in (WEIGHTS, MODEL):
        (tmp_path / file).write_bytes((stored / name / file).read_bytes())
    (tmp_path / TRUTH).write_text(json.dumps(data.draw(mutated(read(stored / name / TRUTH)))))
    read_all(tmp_path)


@FUZZED
@given(
    file=st.sampled_from([WEIGHTS, MODEL, TRUTH]),
    start=st.floats(0, 1),
    length=st.integers(0, 12),
    new=st.binary(max_size=12),
    hashes=st.booleans(),
)
def test_no_bytes_make_reading_fail_otherwise(stored, tmp_path, file, start, length, new, hashes):
    for each in (WEIGHTS, MODEL, TRUTH):
        (tmp_path / each).write_bytes((stored / "hist" / each).read_bytes())
    content = (tmp_path / file).read_bytes()
    place = int(start * len(content))
    (tmp_path / file).write_bytes(content[:place] + new + content[place + length :])
    if hashes and file == WEIGHTS:
        rehash(tmp_path)
    read_all(tmp_path)


@settings(FUZZED, max_examples=40)
@given(data=st.data(), name=st.sampled_from(["hist", "follow_pointer", "contains_x_twice_told"]))
def test_verifying_what_can_be_read_gives_an_outcome(stored, tmp_path, data, name):
    file = data.draw(st.sampled_from([MODEL, TRUTH]))
    for each in (WEIGHTS, MODEL, TRUTH):
        (tmp_path / each).write_bytes((stored / name / each).read_bytes())
    (tmp_path / file).write_text(json.dumps(data.draw(mutated(read(stored / name / file)))))
    if file == MODEL:
        truth = read(tmp_path / TRUTH) | {"model_sha256": hashlib.sha256((tmp_path / MODEL).read_bytes()).hexdigest()}
        (tmp_path / TRUTH).write_text(json.dumps(truth))
    outcome = verify(tmp_path)
    assert outcome.ok is all(check.ok for check in outcome.checks)
    assert (read_all(tmp_path) is None) == (outcome.checks[0].what == "files" and not outcome.checks[0].ok)
