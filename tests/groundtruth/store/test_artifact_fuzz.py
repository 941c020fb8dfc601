"""Whatever a stored model says, reading it gives a model or an ArtifactError, and verifying it an outcome."""

import copy
import hashlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtruth import CompiledModel, load, verify
from groundtruth.errors import ArtifactError
from groundtruth.store.read import read_circuits, read_variables
from groundtruth.truth.circuits.circuit import Circuit
from tests.groundtruth.store.conftest import SMALL
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS, read, rehash

FUZZED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.sampled_from([2**70, -(10**30), 1e308, 0.5, -0.0])
    | st.text(max_size=4)
    | st.sampled_from(
        ["tokens", "indices", "hist_1", "a0.h0->m0", "live", "inert", "zero", "compiler_bos", "map", "none"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tuple", "kind", "edges", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def paths(data, path=()):
    """The place of everything in a JSON value."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


@st.composite
def mutated(draw, data):
    """A JSON value with one to three changes: something replaced, removed, doubled, or exchanged for its neighbour."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([path for path in paths(data) if path] or [(0,)]))
        parent = data
        for part in path:
            parent = parent[part]
        if not isinstance(parent, dict | list) or not parent:
            continue
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "exchange", "rename"])):
            case "replace":
                parent[last] = draw(VALUES)
            case "remove":
                del parent[last]
            case "double" if isinstance(parent, list):
                parent.append(parent[last])
            case "exchange":
                other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else list(range(len(parent)))))
                parent[last], parent[other] = parent[other], parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=3))] = parent.pop(last)
            case _:
                pass
    return data


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
