"""Verifying proves good artifacts again and catches each kind of lie, where the hashes are right, by proof alone."""

import itertools
import json

import pytest

from groundtruth import compile, load, programs, verify
from groundtruth.cli import main
from groundtruth.errors import WorkerError
from groundtruth.store import catalog
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.verification import verify_many as verify_module
from groundtruth.verification.verify_many import verify_many
from groundtruth.verification.verify_model import CheckResult, Verification
from tests.groundtruth.executors.elsewhere import Elsewhere
from tests.groundtruth.store.tampering import (
    MODEL,
    TRUTH,
    WEIGHTS,
    change_model,
    change_truth,
    change_weights,
    circuit_of,
    read,
    rehash,
)
from tests.killing import kill_workers

pytestmark = pytest.mark.usefixtures("proven_once")

SMALL = {
    "hist": (1, 2),
    "copy_last": (1, 2),
    "contains_x_twice_told": ("x", "y"),
    "sort_hist": (1, 2),
    "frac_prevs": ("x", "y"),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified")
    for name, vocab in SMALL.items():
        compile(programs.get(name).build(), vocab=vocab, max_seq_len=2, name=name).save(folder / name)
    return folder


def failed(folder):
    """What verifying finds wrong, by check."""
    return {check.what: check.detail for check in verify(folder).checks if not check.ok}


@pytest.mark.parametrize("name", SMALL)
def test_a_good_artifact_is_proven_again(stored, name):
    outcome = verify(stored / name)
    assert outcome.ok
    assert all(check.ok for check in outcome.checks)
    model = load(stored / name)
    lengths = ["fixed", "mixed"] if model.pad_safe else ["fixed"]
    circuits = [f"circuit {ablation}/{kind}" for ablation, kind in itertools.product(ABLATIONS, lengths)]
    what = [check.what for check in outcome.checks]
    before = ["files", "claims", "weights = program", "padding", "provenance", "origin", "recipe"]
    assert what[: len(before)] == before
    assert what[len(before) :] == [*circuits, "variables"]
    assert outcome.seconds > 0


def test_details_say_what_was_proven(stored):
    details = {check.what: check.detail for check in verify(stored / "contains_x_twice_told").checks}
    assert details["files"] == "8 circuits of 94 edges, hashes agree"
    assert details["weights = program"] == "all 6 inputs"
    assert details["padding"] == "harmless"
    assert "not sufficient alone (edges that are inert alone are needed together)" in details["circuit resample/mixed"]


# `make verify` proves all of them again.
@pytest.mark.parametrize("name", ["hist", "follow_pointer"])
def test_shipped_models_are_proven_again(name):
    assert verify(name).ok


def test_a_worker_elsewhere_proves_the_same_files_or_refuses(stored, monkeypatch):
    name = stored / "frac_prevs"
    there, here = list(verify_many([name, name], executor=Elsewhere())), verify(name)
    assert [one.checks for one in there] == [here.checks] * 2 and here.ok  # a name may be given twice
    job = verify_module._job(0, name, hashed=True)
    monkeypatch.setattr(verify_module, "_files_sha256", lambda name: "0" * 64)
    with pytest.raises(WorkerError, match=r"would compute something else .* the files of '.*frac_prevs' \(none here"):
        verify_module.verify_job("", job)


def test_a_model_whose_process_is_killed_is_not_proven_and_outcomes_keep_their_order(stored, monkeypatch, capsys):
    """The killed one comes last of all, and is told first."""
    names = [str(stored / name) for name in ("hist", "frac_prevs")]
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    kill_workers(monkeypatch, {0})
    with pytest.raises(SystemExit) as left:
        main(["verify", *names, "--json"])
    assert left.value.code == 1
    killed, other = json.loads(capsys.readouterr().out)
    assert (killed["name"], killed["ok"], other["name"], other["ok"]) == (names[0], False, names[1], True)
    told = "its process was killed (signal 9): most likely out of memory; nothing was proven. Run again: "
    assert [check["detail"] for check in killed["checks"]] == [f"{told}groundtruth verify {names[0]}"]


def test_a_model_that_takes_longer_than_it_may_is_not_proven(stored, capsys):
    name = str(stored / "hist")
    with pytest.raises(SystemExit) as left:
        main(["verify", name, "--jobs", "1", "--cell-timeout", "0.001", "--json"])
    (late,) = json.loads(capsys.readouterr().out)
    told = "it was stopped after 0.001 s, its time limit; nothing was proven. Run again: groundtruth verify "
    assert left.value.code == 1 and [check["detail"] for check in late["checks"]] == [f"{told}{name}"]


def test_one_false_claim_is_enough():
    good, bad = CheckResult("padding", True, ""), CheckResult("provenance", False, "")
    assert Verification("x", (good, good)).ok
    assert not Verification("x", (good, bad, good)).ok


def test_what_cannot_be_read_is_a_failed_check(copied):
    assert failed("revers")["files"].startswith("unknown model 'revers'")
    folder = copied()
    (folder / TRUTH).unlink()
    assert failed(folder)["files"].startswith("cannot read")


def test_a_tampered_weight_is_caught_by_its_hash(copied):
    folder = copied()
    change_weights(folder, lambda arrays: arrays["W_U"].__imul__(1.001))
    assert "SHA-256 differs" in failed(folder)["files"]


def test_a_tampered_weight_with_right_hashes_is_caught_by_the_program(copied):
    folder = copied()
    change_weights(folder, lambda arrays: arrays["W_U"].__imul__(-1))
    rehash(folder)
    assert "'hist' cannot be compiled exactly: on input 1 the model gives" in failed(folder)["weights = program"]


def test_a_tampered_weight_that_changes_no_output_is_caught_by_an_absent_edge(copied):
    """The unembedding reads a token, too little to matter: outputs are right, but the edge is there."""
    folder = copied()
    model = load(folder)
    token = model.provenance.dimensions("tokens")[0]
    change_weights(folder, lambda arrays: arrays["W_U"].__setitem__((token, 0), 1e-3))
    rehash(folder)
    found = failed(folder)
    assert "weights = program" not in found
    assert "input->logits (what it carries is read)" in found["circuit zero/fixed"]


def test_a_tampered_program_is_caught(copied):
    folder = copied()

    def change(data):
        select = next(entry for entry in data["program"]["expressions"] if entry["kind"] == "select")
        select["table"][0][2] = not select["table"][0][2]

    change_model(folder, change)
    rehash(folder)
    assert "cannot be compiled exactly" in failed(folder)["weights = program"]


def test_a_table_that_lacks_an_entry_is_caught(copied):
    folder = copied()

    def change(data):
        next(entry for entry in data["program"]["expressions"] if entry["kind"] == "select")["table"].pop(0)

    change_model(folder, change)
    rehash(folder)
    assert "has no value for" in failed(folder)["weights = program"]


@pytest.mark.parametrize(("key", "value"), [("inputs", 5), ("exhaustive", False)])
def test_a_false_account_of_the_check_is_caught(copied, key, value):
    folder = copied()
    change_model(folder, lambda data: data["check"].update({key: value}))
    rehash(folder)
    assert "the artifact says it was checked on" in failed(folder)["weights = program"]


@pytest.mark.parametrize(("name", "found"), [("hist", True), ("sort_hist", False)])
def test_a_false_claim_about_padding_is_caught(copied, name, found):
    folder = copied(name)
    assert load(folder).pad_safe is found
    change_model(folder, lambda data: data.update(pad_safe=not found))
    rehash(folder)
    assert failed(folder)["padding"] == f"pad_safe is stored as {not found}, but padding says {found}."


def test_a_false_place_of_a_variable_is_caught(copied):
    folder = copied()

    def exchange(data):
        first, second, *_ = [d for d in data["directions"] if d[1:3] == ["variable", "hist_1"]]
        first[0], second[0], first[3], second[3] = second[0], first[0], second[3], first[3]

    change_model(folder, exchange)
    rehash(folder)
    assert "the directions of 'hist' do not hold its value" in failed(folder)["provenance"]


def lie(folder, ablation, lengths, change):
    """Change one circuit; the hashes need no correction, since none covers ``truth.json`` itself."""
    change_truth(folder, lambda data: change(circuit_of(data, ablation, lengths)))
    found = failed(folder)
    assert list(found) == [f"circuit {ablation}/{lengths}"], found
    return found[f"circuit {ablation}/{lengths}"]


def live_edge(folder, ablation="resample", lengths="fixed"):
    edges = circuit_of(read(folder / TRUTH), ablation, lengths)["edges"]
    return next(name for name, edge in edges.items() if edge["status"] == "live")


def test_a_removed_edge_is_caught(copied):
    folder = copied()
    edge = live_edge(folder)

    def remove(data):
        data["absent"].append(edge)
        del data["reasons"][edge]
        for circuit in data["circuits"]:
            del circuit["edges"][edge]

    change_truth(folder, remove)
    found = failed(folder)
    assert len([what for what in found if what.startswith("circuit")]) == 8
    assert all(f"{edge} (what it carries is read)" in detail for detail in found.values())


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        ("constant", "what it carries varies"),
        ("absorbed", "it is live by witness"),
        ("exhaustive", "it is live by witness"),
        ("none", "it is live by witness"),
    ],
)
def test_a_live_edge_called_otherwise_is_caught(copied, proof, message):
    folder = copied()
    edge = live_edge(folder)
    status = "undecided" if proof == "none" else "inert"
    told = lie(folder, "resample", "fixed", lambda c: c["edges"].update({edge: {"status": status, "proof": proof}}))
    assert f"{edge} ({message})" in told


@pytest.mark.parametrize("proof", ["constant", "exhaustive"])
def test_an_inert_edge_called_live_is_caught(copied, proof):
    folder = copied("contains_x_twice_told")
    edges = circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"]
    edge = next(name for name, data in edges.items() if data["proof"] == proof)
    witness = edges[live_edge(folder, "resample", "mixed")]["witness"]
    claim = {"status": "live", "proof": "witness", "tried": 4, "witness": witness}
    told = lie(folder, "resample", "mixed", lambda c: c["edges"].update({edge: claim}))
    assert f"{edge} (its witness gives other outputs)" in told


def test_an_inert_edge_with_an_honest_witness_of_no_change_is_caught(copied):
    folder = copied("contains_x_twice_told")
    edges = circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"]
    edge = next(name for name, data in edges.items() if data["proof"] == "exhaustive")
    clean, counterfactual, output, _ = edges[live_edge(folder, "resample", "mixed")]["witness"]
    claim = {"status": "live", "proof": "witness", "tried": 4, "witness": [clean, counterfactual, output, output]}
    told = lie(folder, "resample", "mixed", lambda c: c["edges"].update({edge: claim}))
    assert f"{edge} (its witness shows no change)" in told


@pytest.mark.parametrize(
    ("old", "new"), [("exhaustive", "absorbed"), ("exhaustive", "constant"), ("constant", "absorbed")]
)
def test_an_inert_edge_with_another_proof_is_caught(copied, old, new):
    folder = copied("contains_x_twice_told")
    edges = circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"]
    edge = next(name for name, data in edges.items() if data["proof"] == old)
    told = lie(folder, "resample", "mixed", lambda c: c["edges"][edge].update(proof=new))
    assert f"{edge} (" in told


def test_a_false_number_of_pairs_is_caught(copied):
    folder = copied("contains_x_twice_told")
    edges = circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"]
    edge = next(name for name, data in edges.items() if data["proof"] == "exhaustive")
    right = edges[edge]["tried"]
    told = lie(folder, "resample", "mixed", lambda c: c["edges"][edge].update(tried=9_999))
    assert f"{edge} (it was tried on {right} pairs, not 9,999)" in told


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (0, [2, 1, 1], "its witness is not in the domain"),
        (1, [7], "its witness is not in the domain"),
        (1, None, "its witness is for another ablation"),
        (2, [0, 0], "its witness gives other outputs"),
        (3, [0, 0], "its witness gives other outputs"),
    ],
)
def test_a_tampered_witness_is_caught(copied, part, value, message):
    folder = copied()
    edge = live_edge(folder)
    told = lie(folder, "resample", "fixed", lambda c: c["edges"][edge]["witness"].__setitem__(part, value))
    assert f"{edge} ({message})" in told


def test_a_wrong_reason_is_caught(copied):
    folder = copied()
    edge = live_edge(folder)
    change_truth(folder, lambda data: data["reasons"][edge].__setitem__(0, "position"))
    found = failed(folder)
    assert len(found) == 8
    assert all(f"{edge} (the reason is another)" in detail for detail in found.values())


@pytest.mark.parametrize("claim", [{"inputs": 3}, {"exhaustive": False, "coverage": "sample"}])
def test_a_circuit_on_other_inputs_is_caught(copied, claim):
    folder = copied()
    told = lie(folder, "zero", "fixed", lambda c: c.update(claim))
    assert "it speaks of" in told


@pytest.mark.parametrize("claim", [{"holds": True}, {"holds": None, "by": "sample"}, {"by": "local"}])
def test_a_false_sufficiency_is_caught(copied, claim):
    folder = copied("contains_x_twice_told")
    told = lie(folder, "resample", "mixed", lambda c: c["sufficiency"].update(claim))
    assert "is claimed, but: not sufficient alone (edges that are inert alone are needed together)." in told


def test_a_false_insufficiency_is_caught(copied):
    folder = copied()
    told = lie(folder, "resample", "fixed", lambda c: c["sufficiency"].update(holds=False, by="exhaustive"))
    assert "is claimed, but: jointly sufficient (proven)." in told


def test_a_false_number_of_runs_is_caught(copied):
    folder = copied("contains_x_twice_told")
    circuits = read(folder / TRUTH)["circuits"]
    chosen = next(c for c in circuits if c["sufficiency"]["by"] == "exhaustive" and c["sufficiency"]["holds"])
    told = lie(folder, chosen["ablation"], chosen["lengths"], lambda c: c["sufficiency"].update(runs=9_999))
    assert "'jointly sufficient (9,999 runs cover all pairs)' is claimed" in told


def twice_told(folder, change):
    """Change the minimal circuits of a model with two, and the edges called redundant with them."""

    def lying(circuit):
        change(circuit)
        joint = set(itertools.chain.from_iterable(circuit["minimal_circuits"]))
        for name, edge in circuit["edges"].items():
            edge["redundant"] = name in joint and edge["status"] != "live"

    return lie(folder, "resample", "mixed", lying)


def minimal(folder):
    circuit = circuit_of(read(folder / TRUTH), "resample", "mixed")
    live = {name for name, edge in circuit["edges"].items() if edge["status"] == "live"}
    return live, circuit["minimal_circuits"]


def test_a_minimal_circuit_that_is_not_minimal_is_caught(copied):
    folder = copied("contains_x_twice_told")
    _, (first, second) = minimal(folder)
    told = twice_told(folder, lambda c: c["minimal_circuits"].__setitem__(0, sorted({*first, *second})))
    assert "does without '" in told


def test_a_minimal_circuit_that_does_not_suffice_is_caught(copied):
    folder = copied("contains_x_twice_told")
    live, (first, _) = minimal(folder)
    shorter = [edge for edge in first if edge != min(set(first) - live)]
    told = twice_told(folder, lambda c: c["minimal_circuits"].__setitem__(0, shorter))
    assert told == f"the minimal circuit of {len(shorter)} edges does not reproduce the model."


def test_a_minimal_circuit_without_an_edge_that_it_needs_is_caught(copied):
    folder = copied("contains_x_twice_told")
    live, (first, _) = minimal(folder)
    told = twice_told(folder, lambda c: c["minimal_circuits"].__setitem__(0, sorted(set(first) - {min(live)})))
    assert told == f"the minimal circuit of {len(first) - 1} edges does not reproduce the model."


def test_a_minimal_circuit_with_a_constant_edge_is_caught(copied):
    folder = copied("contains_x_twice_told")
    edges = circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"]
    constant = next(name for name, edge in edges.items() if edge["proof"] == "constant")
    told = twice_told(folder, lambda c: c["minimal_circuits"][0].append(constant))
    assert told.endswith(f"edges does without '{constant}'.")


def test_a_minimal_circuit_with_an_absent_edge_is_caught(copied):
    folder = copied("contains_x_twice_told")
    absent = read(folder / TRUTH)["absent"][0]
    told = twice_told(folder, lambda c: c["minimal_circuits"][0].append(absent))
    assert told == "the edges called redundant are not those that only a minimal circuit holds."


def test_live_edges_that_are_said_to_be_needed_together_and_are_not_are_caught(copied):
    """As artifacts of older versions have it, which did not question live edges."""
    folder = copied("copy_last")
    assert len(circuit_of(read(folder / TRUTH), "mean", "fixed")["minimal_circuits"][0]) == 3
    told = lie(folder, "mean", "fixed", lambda c: c["minimal_circuits"].clear())
    assert told == "the minimal circuit of 5 edges does without 'input->a0.h0<q>'."


def test_a_family_that_is_said_to_be_complete_or_not_is_proven_so(copied):
    folder = copied("copy_last")
    change_truth(folder, lambda data: circuit_of(data, "mean", "fixed").update(complete=False))
    detail = next(r.detail for r in verify(folder).checks if r.what == "circuit mean/fixed")
    assert detail.endswith("; 1 minimal circuit (1 of which no part suffices)")


def test_a_minimal_circuit_that_is_kept_back_is_caught(copied):
    folder = copied("contains_x_twice_told")
    told = twice_told(folder, lambda c: c["minimal_circuits"].pop())
    assert told == "these 1 minimal circuits are said to be all, but are not."


def test_an_edge_falsely_called_redundant_is_caught(copied):
    folder = copied("contains_x_twice_told")
    live, (first, _) = minimal(folder)
    edge = min(set(first) - live)
    told = lie(folder, "resample", "mixed", lambda c: c["edges"][edge].update(redundant=False))
    assert told == "the edges called redundant are not those that only a minimal circuit holds."
    assert circuit_of(read(folder / TRUTH), "resample", "mixed")["edges"][edge]["redundant"] is False


def test_another_minimal_circuit_where_the_live_edges_suffice_is_caught(copied):
    folder = copied()
    live = [name for name, edge in circuit_of(read(folder / TRUTH), "zero", "fixed")["edges"].items()]
    told = lie(folder, "zero", "fixed", lambda c: c["minimal_circuits"].append(live[:-1]))
    assert told == f"the minimal circuit of {len(live) - 1} edges does not reproduce the model."


def test_mixed_lengths_where_padding_disturbs_are_refused(copied):
    folder = copied("sort_hist")
    told_as = {"lengths": "mixed", "inputs": 6}
    change_truth(folder, lambda data: circuit_of(data, "zero", "fixed").update(told_as))
    assert failed(folder)["circuit zero/mixed"].startswith("lengths='mixed' pads inputs to one length")


def test_a_proof_that_stumbles_has_failed(copied, monkeypatch):
    def stumble(*_):
        raise RuntimeError("a matrix of another shape")

    monkeypatch.setattr("groundtruth.verification.verify_model._padding", stumble)
    found = failed(copied())
    assert found == {"padding": "it cannot be proven again: RuntimeError: a matrix of another shape"}


def test_every_file_of_an_artifact_is_covered(stored):
    assert sorted(path.name for path in (stored / "hist").iterdir()) == sorted([MODEL, WEIGHTS, TRUTH])
    assert json.loads((stored / "hist" / MODEL).read_text())["name"] == "hist"
    assert catalog.library().joinpath("hist", MODEL).is_file()
