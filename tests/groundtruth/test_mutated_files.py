"""Whatever a file holds, a reader gives what it should or raises what it documents, in one line that names the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtruth.errors import ArtifactError, GroundTruthError, ProgramError
from groundtruth.files import to_json
from groundtruth.generated import Bounds
from groundtruth.generated.resume import MANIFEST, WORKSHOP, Job, kept, require_folder
from groundtruth.report.views.result_page import result_page
from groundtruth.results.read_results import read_result_data, read_results
from groundtruth.store import catalog, summaries
from groundtruth.store.measurements import read_measurements
from groundtruth.store.read_trained import read_certificate, read_trained_network
from groundtruth.testing.expected_failures import Known, read_known
from tests.groundtruth.report.test_result_page import data as circuits_data
from tests.groundtruth.report.test_variable_page import data as variables_data
from tests.groundtruth.store.trained_tampering import stored_files
from tests.mutations import MUTATED, mutated, mutated_bytes, mutated_json, require_one_line

KNOWN = {
    "eap": {"parameters": {"steps": 3}, "fails": {"recovers[hist]": "why"}, "may_fail": {"deterministic[hist]": "why"}},
    "my-method": {"fails": {"no_mutation[random programs]": "why"}},
}


def as_toml(value: Any) -> str:
    """A JSON value as TOML writes it in a line; null, which TOML has not, is a word."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value) if value is not None else '"null"'


@MUTATED
@given(data=st.data())
def test_known_failures(tmp_path, data):
    changed = data.draw(mutated(KNOWN))
    table = changed if isinstance(changed, dict) else {"m": changed}
    text = "".join(f"{json.dumps(str(key))} = {as_toml(item)}\n" for key, item in table.items())
    content = text.encode("utf-8", "replace")
    path = tmp_path / "known.toml"
    path.write_bytes(data.draw(st.just(content) | mutated_bytes(content)))
    try:
        found = read_known(path)
    except GroundTruthError as error:
        require_one_line(error, path)
    else:
        assert all(isinstance(known, Known) for known in found.values())
        assert all(isinstance(known.parameters, dict) and known.expected is not None for known in found.values())


@MUTATED
@given(data=st.data())
def test_the_index(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("index")
    whole = json.loads((catalog.library() / summaries.INDEX).read_text())
    few = {**whole, "models": whole["models"][:3]}
    (folder / summaries.INDEX).write_bytes(data.draw(mutated_json(few)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "library", lambda: folder)
        try:
            found = summaries.summaries()
        except ArtifactError as error:
            require_one_line(error, folder / summaries.INDEX)
        else:
            assert all(entry.keys() == whole["models"][0].keys() for entry in found)
            assert all(Path(entry["name"]).name == entry["name"] for entry in found)


TINY = Bounds(depth=(1, 1), length=(2, 2))
SUITE = {"schema_version": 1, "seed": 0, "bounds": str(TINY), "draws": 1, "models": {"g01234567": {"code": "1"}}}
OUTCOME = {
    "member": {
        "name": "g01234567", "code": "1", "layers": 1, "heads": 1, "live": 2, "edges": 3, "shared_mlps": 0,
        "inputs": 6, "causal": False,
    }
}  # fmt: skip


@MUTATED
@given(data=st.data())
def test_suites(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("suite")
    (folder / MANIFEST).write_bytes(data.draw(mutated_json(SUITE)))
    try:
        require_folder(folder, 0, TINY)
    except ProgramError as error:
        require_one_line(error, folder)


@MUTATED
@given(data=st.data())
def test_kept_draws(tmp_path_factory, data):
    draw = tmp_path_factory.mktemp("draws") / WORKSHOP / "0-0123456789abcdef"
    (draw / "g01234567").mkdir(parents=True)
    (draw / "outcome.json").write_bytes(data.draw(mutated_json(OUTCOME)))
    found = kept(Job(0, 0, TINY, draw), lambda job: "made again")
    assert isinstance(found, str) or (found.name == "g01234567" and type(found.layers) is int)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """A small result of each track."""
    return {"circuits": json.loads(to_json(circuits_data())), "variables": variables_data()}


@MUTATED
@given(data=st.data(), track=st.sampled_from(["circuits", "variables"]))
def test_results_and_their_pages(results, tmp_path, data, track):
    path = tmp_path / "result.json"
    path.write_bytes(data.draw(mutated_json(results[track])))
    try:
        found = read_result_data(path)
    except ArtifactError as error:
        require_one_line(error, path)
    else:
        try:
            page = result_page(found)
        except GroundTruthError as error:
            assert "\n" not in str(error)
        else:
            assert page.lstrip().startswith("<!")
            page.encode()
    try:
        read_results([path])
    except ArtifactError as error:
        require_one_line(error, path)


@MUTATED
@given(content=st.data())
def test_measurements(tmp_path, content):
    whole = catalog.variants_folder() / "hist@superposed"
    few = json.loads((whole / "measured.json").read_text())
    (tmp_path / "model.json").write_bytes((whole / "model.json").read_bytes())
    (tmp_path / "measured.json").write_bytes(content.draw(mutated_json(few)))
    try:
        read_measurements(tmp_path)
    except ArtifactError as error:
        require_one_line(error, tmp_path / "measured.json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The files of a small trained model, by name."""
    return stored_files(tmp_path_factory.mktemp("trained"))


@MUTATED
@given(data=st.data(), name=st.sampled_from(["model.json", "truth.json"]))
def test_trained_models(trained, tmp_path, data, name):
    for file, content in trained.items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / name).write_bytes(data.draw(mutated_json(json.loads(trained[name]))))
    try:
        network = read_trained_network(tmp_path)
        read_certificate(tmp_path, network)
    except ArtifactError as error:
        require_one_line(error, tmp_path)
