"""A trained model comes back from its folder as it was saved; a folder that is wrong is refused, with its place."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from groundtruth import load
from groundtruth.errors import ArtifactError
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.store import catalog, summaries, write_index
from groundtruth.store.save_trained import exact_dtype, save_trained
from groundtruth.trained.certify_network import Certifier, certify
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS
from tests.groundtruth.store.trained_tampering import change_trained, stored_files
from tests.groundtruth.trained.small_networks import ARCHITECTURES, GPT2, PLAIN, random_network
from tests.groundtruth.trained.wired_by_hand import CIRCUIT, copying_network


@pytest.fixture(scope="module", params=["copying", *ARCHITECTURES], name="model")
def _model(request):
    """A model with a certificate; gpt2 has that of another network of its graph, since files hold what is said."""
    shape = ARCHITECTURES.get(request.param)
    network = copying_network() if shape is None else random_network(shape, length=2, seed=1)
    certified = random_network(PLAIN, length=2, seed=1) if shape == GPT2 else network
    return TrainedModel.of(network, certificate=certify(certified, n_subsets=40))


@pytest.fixture(scope="module", name="folder")
def _folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "model"
    save_trained(model, folder)
    return folder


def test_what_is_saved_comes_back(model, folder):
    again = load(folder)
    assert isinstance(again, TrainedModel) and again.folder == folder
    for name, value in model.weights.tensors.items():
        assert torch.equal(again.weights.tensors[name], value) and again.weights.tensors[name].dtype == torch.float64
    for attribute in ("name", "token_values", "decoder", "correspondence", "architecture", "training", "description"):
        assert getattr(again, attribute) == getattr(model, attribute), attribute
    assert again.certificate == model.certificate
    for ablation in ABLATIONS:
        assert again.circuit(ablation) == model.circuit(ablation)


def test_program_and_outputs_come_back(model, folder):
    again, inputs = load(folder), list(model.domain.enumerate())
    assert list(again.domain.enumerate()) == inputs
    assert again.run_many(inputs) == model.run_many(inputs)
    expected = evaluate_many(model.program, inputs, causal=model.causal)
    assert evaluate_many(again.program, inputs, causal=again.causal) == expected


def test_interchanges_of_the_stored_program_are_those_of_the_first(model, folder):
    """Tables hold the values too that only an interchange brings together."""
    assert Certifier(load(folder)).interchanges() == Certifier(model).interchanges()


def test_a_model_that_was_loaded_saves_the_same_bytes(folder, tmp_path):
    save_trained(load(folder), tmp_path)
    for file in (WEIGHTS, MODEL, TRUTH):
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes(), file


def test_weights_are_float32_only_where_that_loses_nothing(tmp_path):
    network = copying_network()
    assert exact_dtype(network.weights) == "float32"
    other = network.weights.convert(lambda value: value + 1e-12 * (value == 40.0))
    assert exact_dtype(other) == "float64"
    changed = TrainedModel.of(replace(network, weights=other), certificate=certify(network, n_subsets=0))
    save_trained(changed, tmp_path)
    assert {array.dtype for array in load_file(tmp_path / WEIGHTS).values()} == {np.dtype(np.float64)}
    assert json.loads((tmp_path / MODEL).read_text())["weights_dtype"] == "float64"


def test_a_shipped_trained_model_is_found_by_name(monkeypatch, tmp_path):
    network = copying_network()
    save_trained(
        TrainedModel.of(network, certificate=certify(network, n_subsets=40)), tmp_path / "trained" / network.name
    )
    write_index.write_trained_index(tmp_path / "trained")
    monkeypatch.setattr(catalog, "library", lambda: tmp_path)
    assert catalog.shipped_trained() == ["previous_token@free-7"] and catalog.shipped() == []
    for name in ("previous_token@free-7", "trained/previous_token@free-7"):
        assert load(name).folder == tmp_path / "trained" / "previous_token@free-7"
    with pytest.raises(
        ArtifactError, match="unknown model 'previous_token@free-8'. Did you mean: previous_token@free-7"
    ):
        load("previous_token@free-8")
    (entry,) = summaries.trained_summaries()
    assert entry["live"] == {"resample": 2, "zero": 4, "mean": 4, "mean-positional": 2}
    assert (entry["kind"], entry["seed"], entry["edges"], entry["certified"]) == ("free", 7, 21, True)
    assert entry["interchange_accuracy"] == 1.0 and entry["margin"] == pytest.approx(4 * 2 / 3 - 0.01)


def test_the_network_wired_by_hand_is_certified():
    network = copying_network()
    found = certify(network, n_subsets=200)
    assert not list(found.failures(network))
    assert {str(record.edge) for record in found.under("zero").of_status("live")} == set(CIRCUIT)


def test_no_trained_model_ships_without_an_index(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog, "library", lambda: tmp_path)
    assert summaries.trained_summaries() == []
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "index.json").write_text('{"models": [{"name": "x"}]}')
    with pytest.raises(ArtifactError, match=r"cannot read the index .*trained.index.json: models\.0\.name"):
        summaries.trained_summaries()


def test_a_compiled_model_is_still_a_compiled_model():
    assert isinstance(load("hist"), CompiledModel)


@pytest.fixture(scope="module", name="stored")
def _stored(tmp_path_factory):
    return stored_files(tmp_path_factory.mktemp("stored"))


def _refused(folder, match):
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    assert re.search(match, str(caught.value)) and str(folder) in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda d: d.update(schema_version=2), "schema_version 2; this version reads 1"),
        (lambda d: d["architecture"].update(n_layers=99), "n_layers=99 is out of range; choose from 1 to 16"),
        (lambda d: d["architecture"].update(style="bert"), "architecture.style: Input should be 'gpt2' or 'llama'"),
        (lambda d: d["architecture"].update(d_model=10), "weight 'W_E' has shape"),
        (lambda d: d["architecture"].update(gains=True, norm=True), "weight 'attn_gain' has shape None"),
        (lambda d: d["correspondence"].update(output=["a0.h7"]), "there is no edge 'a0.h7->logits'"),
        (lambda d: d["correspondence"]["units"][0].update(expressions=["ghost_3"]), "no expression 'ghost_3'"),
        (lambda d: d["correspondence"]["units"][0].update(reads=["pos"]), "'pos' is no edge; an edge is written such"),
        (
            lambda d: d["training"].update(kind="luck"),
            "training.kind: Input should be 'wired', 'free', 'scratch', 'sparse', 'imported' or 'compiled'",
        ),
        (lambda d: d.update(weights_dtype="float64"), "is float32; weights_dtype says float64"),
        (lambda d: d["token_values"].reverse(), None),
        (lambda d: d["token_values"].pop(), "token_values are not the vocabulary with"),
        (lambda d: d.update(output_values=[]), "output_values is empty"),
        (
            lambda d: d["domain"].update(min_seq_len=1),
            "has lengths 1 to 3; a trained network is certified on inputs of",
        ),
        (lambda d: d["program"].update(output="just_before_2"), "refers to 'just_before_2', which is no SOp"),
    ],
)
def test_a_description_that_is_wrong_is_refused(stored, tmp_path, change, message):
    folder = change_trained(stored, tmp_path, model=change)
    if message is None:
        load(folder)  # readable, and for verify to find wrong
    else:
        _refused(folder, message)


EDGE = "a0.h1->logits"


def _in_edge(**values):
    return lambda d: d["ablations"][0]["edges"][EDGE].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["ablations"].pop(),
            "the ablations are resample, zero, mean; expected resample, zero, mean, mean-",
        ),
        (lambda d: d["ablations"][0]["edges"].pop(EDGE), f"resample: nothing is said of edge '{EDGE}'"),
        (lambda d: d["ablations"][0]["edges"].update({"m7->m9": d["ablations"][0]["edges"][EDGE]}), "edge 'm7->m9'"),
        (_in_edge(status="inert"), "inert is proven by constant or exhaustive, not by witness"),
        (_in_edge(witness=None), "a live edge has a witness, and only a live edge"),
        (_in_edge(wrong=10**6), "1000000 of 729 runs cannot be wrong"),
        (_in_edge(wrong=0), "with 0 runs wrong the smallest margin is not -"),
        (lambda d: d["interchanges"].pop(), "interchanges: they are not those of the units"),
        (lambda d: d.update(name="other"), "is about 'other', model.json about 'previous_token@free-7'"),
        (lambda d: d["behaviour"].update(margin="high"), "behaviour.margin: Input should be a valid number"),
        (
            lambda d: d["ablations"][0].update(minimal_circuits=[list(d["ablations"][0]["edges"])]),
            "edges is called minimal, and holds a smaller one that suffices",
        ),
        (lambda d: d.update(model_sha256="0" * 64), "was proven of another model.json"),
    ],
)
def test_a_certificate_that_is_wrong_is_refused(stored, tmp_path, change, message):
    _refused(change_trained(stored, tmp_path, truth=change), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(bias=a["W_U"]), "holds 'bias', which no trained model has"),
        (lambda a: a.pop("W_U"), "lacks W_U"),
        (lambda a: a["W_U"].__setitem__((0, 0), np.nan), "weight 'W_U' holds numbers that are not finite"),
    ],
)
def test_weights_that_are_wrong_are_refused(stored, tmp_path, change, message):
    _refused(change_trained(stored, tmp_path, weights=change), message)


@pytest.mark.parametrize("file", [WEIGHTS, MODEL, TRUTH])
def test_a_missing_file_is_named(stored, tmp_path, file):
    folder = change_trained(stored, tmp_path)
    (folder / file).unlink()
    _refused(folder, f"cannot read .*{file}: No such file")


def test_other_weights_are_refused_by_their_hash(stored, tmp_path):
    folder = change_trained(stored, tmp_path)
    (folder / WEIGHTS).write_bytes(stored[WEIGHTS][:-1] + b"\1")
    _refused(folder, "is not the file that model.json describes .its SHA-256 differs.")


def test_what_ships_is_small_certified_and_indexed():
    """With those behind LayerNorm at most 15 MB, index and log included; the index names what is there."""
    entries = summaries.trained_summaries()
    assert [entry["name"] for entry in entries] == catalog.shipped_trained()
    assert all(entry["certified"] for entry in entries)
    folders = (catalog.trained_folder(), catalog.layernorm_folder())
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15e6
    for entry in entries:
        model = load(entry["name"])
        assert (model.name, model.family, model.training.kind) == (entry["name"], entry["family"], entry["kind"])


@pytest.mark.parametrize("name", catalog.shipped_trained())
def test_every_interchange_that_ships_is_claimed_on_all_pairs(name):
    certificate = load(name).certificate
    asked = {(item.claim.runs, item.partly) for item in certificate.interchanges}
    assert certificate.inputs == load(name).domain.size and asked <= {(certificate.inputs**2, 0)}


@pytest.mark.parametrize("tier", ["trained", "layernorm"])
def test_shipped_indices_count_as_sentences_do(tier):
    text = (catalog.trained_folder().parent / tier / summaries.INDEX).read_text()
    assert re.search(r"\b\d layers x \d heads?\b", text) and not re.search(r"\b1 (layers|heads)\b", text)
