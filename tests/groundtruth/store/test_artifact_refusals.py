"""Stored models that cannot be read: each refused with its file and the place in it."""

import re
from pathlib import Path

import numpy as np
import pytest

from groundtruth import load
from groundtruth.errors import ArtifactError
from groundtruth.store import catalog, summaries
from groundtruth.store.read import read_circuits
from tests.groundtruth.store.tampering import (
    MODEL,
    TRUTH,
    WEIGHTS,
    change_model,
    change_truth,
    change_weights,
    circuit_of,
    rehash,
)


def refused(folder, *, match):
    """Reading the model and its circuits fails, and the message names the file and says what is wrong."""
    with pytest.raises(ArtifactError) as caught:
        model = load(folder)
        read_circuits(folder, model.graph)
    assert re.search(match, str(caught.value)), str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("file", [WEIGHTS, MODEL, TRUTH])
def test_a_missing_file_is_named(copied, file):
    folder = copied()
    (folder / file).unlink()
    refused(folder, match=f"cannot read .*{file}: No such file or directory. A model is a folder with {WEIGHTS}")


@pytest.mark.parametrize("file", [MODEL, TRUTH])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b'{"schema_version": 1', "is not JSON: Expecting ',' delimiter: line 1 column 21"),
        (b'\xff{"schema_version": 1}', "is not JSON: 'utf-8' codec"),
        (b'{"schema_version": NaN}', "is not JSON: NaN is not a number of JSON"),
        (b"[" * 100_000, "is not JSON: it nests too deeply"),
        (b"[1]", "has schema_version None; this version reads 1"),
        (b"{}", "has schema_version None; this version reads 1"),
        (b'{"schema_version": 2}', "has schema_version 2; this version reads 1"),
        (b'{"schema_version": true}', "has schema_version True; this version reads 1"),
        (b'{"schema_version": 1}', ": [a-z_0-9]+: Field required."),
    ],
)
def test_what_is_not_the_schema_is_refused(copied, file, content, message):
    folder = copied()
    (folder / file).write_bytes(content)
    refused(folder, match=f"{file} ?{message}")


def test_other_weights_are_refused_by_their_hash(copied):
    folder = copied()
    change_weights(folder, lambda arrays: arrays["W_E"].__iadd__(1e-3))
    refused(folder, match=f"{WEIGHTS} is not the file that {MODEL} describes .its SHA-256 differs.")


def test_truth_of_another_model_is_refused_by_its_hash(copied):
    folder = copied()
    change_model(folder, lambda data: data.update(description="another"))
    refused(folder, match=f"{TRUTH} was proven of another {MODEL}")


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_truncated_weights_are_refused(copied, keep):
    folder = copied()
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:keep])
    refused(folder, match="SHA-256 differs")
    rehash(folder)
    refused(folder, match=f"{WEIGHTS} does not hold the weights of a compiled model")


def add_row(arrays):
    arrays["W_E"] = np.concatenate([arrays["W_E"], arrays["W_E"][:1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("W_U"), "the arrays are .*; expected W_E, W_K, W_O, W_Q, W_U"),
        (lambda arrays: arrays.update(bias=arrays["W_U"]), "the arrays are .*bias; expected"),
        (add_row, r"W_E has the shape \[5, \d+\]; expected \[4, \d+\]"),
        (lambda arrays: arrays.update(W_Q=arrays["W_Q"][0]), "W_Q is not .layer, head, d_model, d_head"),
        (lambda arrays: arrays.update(W_pos=arrays["W_pos"][:2]), r"W_pos has the shape \[2, \d+\]; expected \[3, "),
        (lambda arrays: arrays.update(W_pos=np.zeros(())), r"W_pos has the shape \[\]; expected"),
        (lambda arrays: arrays.update(W_U=arrays["W_U"][:, :1].copy()), "W_U has the shape"),
        (lambda arrays: arrays.update(W_in=arrays["W_in"].astype(np.float32)), "not all float64"),
        (lambda arrays: arrays["W_in"].__setitem__((0, 0, 0), np.nan), "W_in holds numbers that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(copied, change, message):
    folder = copied()
    change_weights(folder, change)
    rehash(folder)
    refused(folder, match=message)


def set_in(*path, value):
    def change(data):
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = value

    return change


def program_entry(data, kind):
    return next(entry for entry in data["program"]["expressions"] if entry["kind"] == kind)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("extra", value=1), "model.json: extra: Extra inputs are not permitted"),
        (set_in("causal", value="maybe"), "model.json: causal: Input should be a valid boolean"),
        (set_in("heads", 0, 3, value="boss"), r"model.json: heads\.0\.3: Input should be 'aggregate', 'width', 'idle'"),
        (set_in("heads", 0, 1, value=4), "heads are not those of 1 layer x 1 head"),
        (set_in("neurons", 0, 1, value=10_000), "a neuron is not one of 1 layer x"),
        (set_in("neurons", 0, 2, value="ghost_9"), "names the expression 'ghost_9', which the program has not"),
        (lambda data: data["directions"].pop(), r"there are \d+ directions for \d+ residual dimensions"),
        (set_in("output_values", 1, value={"tulpe": []}), r'output_values\.1: .*or {"tuple": \[...\]} of values'),
        (set_in("output_values", 1, value=0), "output_values holds a value twice"),
        (set_in("token_values", 0, value=3), "token_values are not the vocabulary with"),
        (set_in("domain", "vocab", value=[1, "2"]), "token_values are not the vocabulary with"),
        (set_in("domain", "min_seq_len", value=0), "min_seq_len=0 and max_seq_len=2 leave no lengths"),
        (set_in("domain", "inputs", value=[[0, 7]]), r"domain: \[0, 7\] are not positions in the vocabulary"),
        (set_in("domain", "inputs", value=[[0, -1]]), r"domain\.inputs\.0\.1: .* greater than or equal to 0"),
        (set_in("program", "output", value="same_token_2"), "the program refers to 'same_token_2', which is no SOp"),
        (
            lambda data: program_entry(data, "select").update(keys="later_9"),
            "'same_token_2' refers to 'later_9'",
        ),
        (lambda data: program_entry(data, "select").update(id=7), "'same_token_2' is mislabelled"),
        (lambda data: program_entry(data, "select").update(kind="spell"), "expressions.1: .*'spell'"),
        (lambda data: data["program"]["expressions"].append(data["program"]["expressions"][0]), "'tokens' comes twice"),
        (
            lambda data: program_entry(data, "selector_width").update(selector="tokens"),
            "'hist_1' refers to 'tokens', which is no Selector",
        ),
    ],
)
def test_a_description_that_is_wrong_is_refused_with_its_place(copied, change, message):
    folder = copied()
    change_model(folder, change)
    rehash(folder)
    refused(folder, match=f"{MODEL}: .*{message}|{message}")


def in_circuit(change):
    return lambda data: change(circuit_of(data, "resample", "fixed"))


LIVE = "a0.h0->m0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_circuit(lambda c: c["edges"].pop(LIVE)), f"circuit resample/fixed: nothing is said of edge '{LIVE}'"),
        (lambda data: data["reasons"].pop(LIVE), f"nothing is said of edge '{LIVE}'. Every edge needs a status and"),
        (lambda data: data["absent"].pop(), "nothing is said of edge '"),
        (lambda data: data["absent"].append("a0.h1->m0"), "unknown edge 'a0.h1->m0'. Did you mean: a0.h0->m0"),
        (lambda data: data["absent"].append(LIVE), f"edge '{LIVE}' is both absent and not"),
        (in_circuit(lambda c: c["minimal_circuits"].append(["m7->m9"])), "unknown edge 'm7->m9'"),
        (in_circuit(lambda c: c["edges"][LIVE].update(status="alive")), f"circuits.0.edges.{LIVE}.status: Input"),
        (in_circuit(lambda c: c["edges"][LIVE].update(proof="constant")), "live is proven by witness, not by constant"),
        (in_circuit(lambda c: c["edges"][LIVE].pop("witness")), "a live edge has a witness, and only a live edge"),
        (in_circuit(lambda c: c["edges"][LIVE].update(tried=-1)), "tried: Input should be greater than or equal to 0"),
        (in_circuit(lambda c: c.update(ablation="noise")), "circuits.0.ablation: Input should be 'resample', 'zero'"),
        (in_circuit(lambda c: c.update(lengths="mixed")), "circuit resample/mixed comes twice"),
        (
            lambda data: data["reasons"].update({LIVE: ["hope", [], []]}),
            f"reasons.{LIVE}.0: Input should be",
        ),
    ],
)
def test_a_truth_that_is_wrong_is_refused_with_its_place(copied, change, message):
    folder = copied()
    change_truth(folder, change)
    refused(folder, match=f"{TRUTH}: .*({message})")


def test_an_unknown_name_is_refused_with_the_closest():
    with pytest.raises(ArtifactError) as caught:
        load("revers")
    assert str(caught.value).startswith("unknown model 'revers'. Did you mean: reverse")
    assert f"`groundtruth models` lists all {len(catalog.shipped())}" in str(caught.value)


def test_a_folder_that_is_not_there_is_an_unknown_model(tmp_path):
    with pytest.raises(ArtifactError, match="unknown model '.*nowhere'"):
        load(tmp_path / "nowhere")


def test_a_folder_without_a_model_is_refused(tmp_path):
    refused(tmp_path, match=f"cannot read .*{MODEL}")


def test_a_shipped_name_is_not_taken_for_a_folder_here(tmp_path, monkeypatch):
    (tmp_path / "hist").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("hist").folder == catalog.library() / "hist"
    with pytest.raises(ArtifactError, match="cannot read"):
        load(Path("hist"))


@pytest.mark.parametrize("content", ["", "[]", '{"models": ', "{}"])
def test_an_index_that_cannot_be_read_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr("groundtruth.store.catalog.library", lambda: tmp_path)
    with pytest.raises(ArtifactError, match="cannot read the index"):
        summaries.summaries()
    (tmp_path / summaries.INDEX).write_text(content)
    with pytest.raises(ArtifactError, match="cannot read the index"):
        summaries.summaries()
