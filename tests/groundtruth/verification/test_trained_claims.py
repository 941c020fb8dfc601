"""Every claim of a trained model is proven again from its files: a lie in any of them is found, and named."""

import json
import re

import numpy as np
import pytest

from groundtruth.report.views.verifications import verification_data
from groundtruth.store import catalog
from groundtruth.store.save_trained import save_trained
from groundtruth.trained.certify_network import certify
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.verification.verify_model import verify
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS
from tests.groundtruth.store.trained_tampering import change_trained, stored_files
from tests.groundtruth.trained.small_networks import PLAIN, random_network
from tests.groundtruth.trained.sparse_models import small_sparse_model
from tests.groundtruth.trained.wired_by_hand import copying_network

CLAIMS = [
    "files",
    "weights = program",
    "circuit resample/fixed",
    "circuit zero/fixed",
    "circuit mean/fixed",
    "circuit mean-positional/fixed",
    "variables",
    "certified",
]
LIVE, ABSENT, CONSTANT = "a0.h1->logits", "m0->logits", "pos->a0.h1<k>"


@pytest.fixture(scope="module", name="stored")
def _stored(tmp_path_factory):
    return stored_files(tmp_path_factory.mktemp("stored"))


def test_every_claim_holds(stored, tmp_path):
    found = verify(change_trained(stored, tmp_path))
    assert [check.what for check in found.checks] == CLAIMS and found.ok, found
    details = {check.what: check.detail for check in found.checks}
    assert details["weights = program"] == "all 27 inputs, smallest margin 2.66"
    assert details["circuit zero/fixed"].startswith("17 absent, 4 live; gap inf; jointly sufficient (27 runs")
    assert details["variables"] == "1 of 1 variables interchanged rightly on all 729 pairs of inputs"
    assert verification_data([found])[0]["ok"] is True


def _failed(folder):
    return {check.what: check.detail for check in verify(folder).checks if not check.ok}


def test_a_weight_moved_until_a_margin_breaks_is_caught(stored, tmp_path):
    def moved(by):
        def move(arrays):
            arrays["W_O"][0, 1, 0, 7] -= by

        return _failed(change_trained(stored, tmp_path, weights=move))

    assert moved(0.0) == {}
    slightly = moved(0.1)  # every output is right still, but by less than is claimed
    assert slightly["weights = program"].startswith("its smallest margin is 2.59, not 2.657")
    assert "its smallest margin is -1.025, not -1" in slightly["circuit zero/fixed"]
    assert "27 of 27 runs wrong" not in str(slightly)
    broken = moved(4.0)  # now the token 1 is never copied: wrong where one of the first two tokens is 1
    assert broken["weights = program"].startswith("15 of 27 runs change, not 0 of 27")


def _edge(name, ablation=0, **values):
    def change(data):
        data["ablations"][ablation]["edges"][name].update(values)

    return change


def _called_inert(data):
    edges = data["ablations"][0]["edges"]
    edges[LIVE] = {"status": "inert", "proof": "exhaustive", "runs": 729, "margin": 2.6, "worst": edges[LIVE]["worst"]}


def _called_live(data):
    edges = data["ablations"][0]["edges"]
    edges[CONSTANT] = edges[LIVE]


def _claim(*path, **values):
    def change(data):
        for part in path:
            data = data[part]
        data.update(values)

    return change


PAIR = [[1, 1, 1], [2, 2, 2]]


@pytest.mark.parametrize(
    ("change", "claim", "message"),
    [
        (_called_inert, "circuit resample", f"{LIVE} .it is live by witness, not inert by exhaustive"),
        (_called_live, "circuit resample", "pos->a0.h1<k> .it is inert by constant, not live by witness"),
        (_edge(ABSENT, proof="constant", status="inert"), "circuit resample", "it is absent by zero, not inert by con"),
        (_edge(LIVE, wrong=647), "circuit resample", "648 of 729 runs change, not 647 of 729"),
        (_edge(LIVE, margin=-3.9), "circuit resample", "its smallest margin is -4, not -3.9"),
        (_edge(LIVE, moved=4.1), "circuit resample", "it moves a logit by 4, not 4.1"),
        (_edge(LIVE, worst=[[1, 1, 1], [1, 1, 1]]), "circuit resample", "its worst run has another margin"),
        (_edge(LIVE, worst=[[1, 1, 1], [1, 1, 4]]), "circuit resample", "its worst run is not in the domain"),
        (_edge(LIVE, worst=[]), "circuit resample", "its worst run is not in the domain"),
        (
            _edge(LIVE, witness=[[1, 1, 1], [1, 1, 2], [1, 1, 1], [1, 1, 2]]),
            "circuit resample",
            "its witness gives other outputs",
        ),
        (
            _edge(LIVE, witness=[[1, 1, 1], [1, 1, 2], [1, 1, 1], [1, 1, 1]]),
            "circuit resample",
            "its witness shows no change",
        ),
        (_edge(LIVE, witness=[[1, 1, 9], *PAIR, [2, 2, 2]]), "circuit resample", "its witness is not in the domain"),
        (
            _edge(LIVE, witness=[[1, 1, 1], None, [1, 1, 1], [2, 2, 2]]),
            "circuit resample",
            "its witness is for another ablation",
        ),
        (_claim("ablations", 1, "joint", wrong=1, margin=-1.0), "circuit zero", "edges together: 0 of 27 runs change"),
        (_claim("ablations", 0, "joint", margin=9.0), "circuit resample", "all needless edges together: its smallest"),
        (_claim("ablations", 0, "subsets", margin=9.0), "circuit resample", "random subsets: its smallest margin is"),
        (_claim("ablations", 1, "subsets", runs=40), "circuit zero", "random subsets: 0 of 4 runs change, not 0 of 40"),
        (
            lambda d: d["ablations"][2].update(
                sufficiency={"holds": False, "runs": 27}, minimal_circuits=[[LIVE]], complete=False
            ),
            "circuit mean",
            "'not sufficient alone .* is claimed, but: jointly sufficient",
        ),
        (_claim("interchanges", 0, wrong=3, margin=-0.1), "variables", "0 of 729 runs change, not 3 of 729"),
        (
            _claim("interchanges", 0, runs=728),
            "variables",
            "it is claimed on 728 of all 729 pairs: on 1 the program then has no value, and asked on all 729 pairs",
        ),
        (_claim("interchanges", 0, partly=2), "variables", "on 0 the program then has no value, on 2 none at some pos"),
        (_claim("behaviour", margin=2.7), "weights = program", "its smallest margin is 2.657, not 2.7"),
        (lambda d: d.update(inputs=26), "weights = program", "it speaks of 26 inputs; the domain has 27"),
        (
            lambda d: [record["subsets"].update(runs=0, margin=None, worst=[]) for record in d["ablations"]],
            "certified",
            "no random subsets were counted",
        ),
    ],
)
def test_a_lie_in_the_certificate_is_caught(stored, tmp_path, change, claim, message):
    failed = _failed(change_trained(stored, tmp_path, truth=change))
    (what,) = [name for name in failed if name.startswith(claim)]
    assert re.search(message, failed[what]), failed


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (lambda d: d["correspondence"].update(output=["a0.h0"]), "circuit resample/fixed"),
        (lambda d: d["program"]["expressions"][1]["table"].reverse(), None),
        (lambda d: d["program"]["expressions"][1]["table"][0].__setitem__(2, False), "weights = program"),
        (lambda d: d["token_values"].__setitem__(slice(0, 2), [2, 1]), "weights = program"),
        (lambda d: d["output_values"].reverse(), "weights = program"),
    ],
)
def test_a_lie_in_the_description_is_caught(stored, tmp_path, change, claim):
    failed = _failed(change_trained(stored, tmp_path, model=change))
    assert claim in failed if claim else not failed  # the order of a table's rows says nothing


def test_files_that_cannot_be_read_are_a_failed_check(stored, tmp_path):
    folder = change_trained(stored, tmp_path)
    (folder / TRUTH).write_text(json.dumps({"schema_version": 7}))
    assert list(_failed(folder)) == ["files"]


def test_a_shipped_model_must_have_the_name_that_it_ships_under(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "library", lambda: tmp_path)
    for name in ("previous_token@free-7", "previous_token@free-8"):
        (tmp_path / "trained" / name).mkdir(parents=True)
        change_trained(stored, tmp_path / "trained" / name)
    assert _failed("previous_token@free-7") == {} == _failed("trained/previous_token@free-7")
    told = "the model that ships as 'previous_token@free-8' is called 'previous_token@free-7'."
    assert _failed("previous_token@free-8") == {"files": told}


def test_a_network_that_is_not_its_program_is_not_certified(tmp_path):
    network = random_network(PLAIN, length=2, seed=1)
    save_trained(TrainedModel.of(network, certificate=certify(network, n_subsets=40)), tmp_path)
    failed = _failed(tmp_path)
    assert set(failed) == {"weights = program", "certified"}  # all else is as its certificate says
    assert "needless edge input->a0.h0<q> is live" in failed["certified"]


def test_scratch_claims_no_variables(tmp_path):
    network = copying_network(kind="scratch")
    save_trained(TrainedModel.of(network, certificate=certify(network, n_subsets=40)), tmp_path)
    assert verify(tmp_path).checks[-1].detail == "the circuit; variables are not claimed"


@pytest.fixture(scope="module", name="chosen")
def _chosen(tmp_path_factory):
    """The files of a network that chose its circuit."""
    folder = tmp_path_factory.mktemp("chosen")
    save_trained(small_sparse_model(), folder)
    return {name: (folder / name).read_bytes() for name in (WEIGHTS, MODEL, TRUTH)}


def test_a_network_that_chose_its_circuit_is_proven_again(chosen, tmp_path):
    found = verify(change_trained(chosen, tmp_path))
    assert [check.what for check in found.checks] == CLAIMS and found.ok, found
    details = {check.what: check.detail for check in found.checks}
    assert details["variables"] == "no variables, for no circuit was planned"
    assert details["certified"].startswith("its behaviour; no circuit was planned")


def _first_record(**values):
    return lambda data: data["ablations"][0].update(values)


def _without_a_circuit(data):
    data["ablations"][0]["minimal_circuits"].pop()


def _a_circuit_with_an_edge_more(data):
    record = data["ablations"][0]
    circuit = record["minimal_circuits"][0]
    circuit.append(next(name for name in record["edges"] if name not in circuit))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_first_record(complete=False), "the minimal circuits are others than those that are found again"),
        (_without_a_circuit, "the minimal circuits are others than those that are found again"),
        (_a_circuit_with_an_edge_more, "the minimal circuits are others than those that are found again"),
        (_first_record(sufficiency={"holds": False, "runs": 17}), "is claimed, but: not sufficient alone"),
        (_first_record(joint={"runs": 16, "wrong": 1, "margin": -1.0}), "all needless edges together: "),
    ],
)
def test_a_lie_about_a_chosen_circuit_is_found(chosen, tmp_path, change, message):
    failed = _failed(change_trained(chosen, tmp_path, truth=change))
    assert list(failed) == ["circuit resample/fixed"] and message in failed["circuit resample/fixed"]


def test_a_weight_that_is_not_zero_makes_an_absent_edge_read(chosen, tmp_path):
    """Every zero of ``W_U`` is moved a little: no answer changes, and edges into the logits are absent no more."""

    def move(arrays):
        arrays["W_U"] += np.float32(1e-6) * (arrays["W_U"] == 0)

    failed = _failed(change_trained(chosen, tmp_path, weights=move))
    assert re.search(r"->logits \(it is inert by \w+, not absent by zero\)", failed["circuit resample/fixed"])
    assert "weights = program" not in failed
