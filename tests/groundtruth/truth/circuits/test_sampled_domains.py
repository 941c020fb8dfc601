"""Statuses on a sample of a domain: they claim no more than was run, wherever they are shown, stored and verified."""

import json
from dataclasses import replace

import pytest

from groundtruth import load
from groundtruth.compiled.domain import BOS, Inputs
from groundtruth.errors import ArtifactError, DomainError, ProofError
from groundtruth.evaluation.circuits.circuit_evaluator import score
from groundtruth.report.views.circuit_sentences import sampled_sentences
from groundtruth.results.cell import Cell
from groundtruth.results.result import result_of
from groundtruth.store.write import save
from groundtruth.truth.circuits import cut_edge, family, input_pool, prover, value_classes
from groundtruth.truth.circuits.circuit import Sufficiency, require_coherent
from groundtruth.truth.circuits.prover import ground, prove
from groundtruth.verification.verify_model import verify
from tests.groundtruth.rare_conditions import RARE

ABC = ("x", "a", "b", "c", "y", "z")


@pytest.fixture(scope="module")
def model():
    return RARE["abc"].compiled(tuple("abcdefwxyz"), 6)


@pytest.fixture
def blind(monkeypatch):
    """No search, and no proof: only what random inputs show."""
    monkeypatch.setattr(input_pool, "covering_inputs", lambda *_, **__: [])
    monkeypatch.setattr(value_classes.ValueClasses, "proof", lambda *_: None)


def test_what_has_no_witness_on_a_sample_is_undecided(model, blind):
    circuit = model.circuit("resample", "fixed", budget=60)
    truth = circuit["m2->logits"]
    assert (truth.status, truth.proof, truth.witness) == ("undecided", "sampled", None)
    assert (circuit.exhaustive, circuit.coverage, circuit.inputs) == (False, "sample", 30)
    assert (circuit.sufficiency.holds, circuit.sufficiency.undecided) == (None, circuit.counts["undecided"])
    assert str(circuit).endswith(
        f"sufficiency undecided because {circuit.counts['undecided']} edges are undecided, on a sample of 30 inputs"
    )
    assert circuit.redundant == ()


def test_an_input_that_is_given_shows_it(model, blind):
    circuit = model.circuit("resample", "fixed", budget=60, inputs=[ABC])
    witness = circuit["m2->logits"].witness
    assert witness is not None
    assert ABC in (witness.clean, witness.counterfactual)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("x", "a"), r"inputs= holds 'x a', of 2 tokens; lengths='fixed' runs inputs of 6\."),
        ((BOS, *ABC[1:]), "token 'compiler_bos' at position 0"),
    ],
)
def test_an_input_outside_the_domain_is_refused(model, given, told):
    wide = RARE["abc"].compiled(*RARE["abc"].small) if len(given) == 2 else model
    if len(given) == 2:
        told = "has 2 tokens; allowed are 3 to 3"
        given = ("a", "b")
    with pytest.raises(DomainError, match=told):
        wide.circuit("resample", "fixed", inputs=[given])


def test_a_budget_runs_a_larger_domain_whole(model):
    small = load("hist")
    whole = small.circuit("resample", "fixed")
    assert prove(small, lengths="fixed", budget=10).exhaustive is False
    assert prove(small, lengths="fixed", budget=whole.inputs).coverage in ("whole domain", "value classes")
    with pytest.raises(DomainError, match="budget=0 leaves no inputs to run; give at least 1"):
        small.circuit(budget=0)


@pytest.mark.parametrize("budget", [1, 2])
def test_a_sample_without_short_inputs_shows_nothing_of_them(budget):
    model = load("reverse")
    whole = model.circuit("resample", "mixed")
    assert {len(tokens) for tokens in ground(model, "resample", "mixed", budget=budget).inputs} == {5}
    part = prove(model, lengths="mixed", budget=budget)
    # Between inputs of one length the length is a constant, and none of the edges that carry it changes anything.
    assert [str(edge) for edge in whole.edges if part[edge].status == "inert"] == []
    assert part.coverage == "sample" and part.sufficiency.holds is None


def test_mixed_lengths_are_as_wide_as_an_input_that_the_sample_lacks(monkeypatch):
    model = load("reverse")
    monkeypatch.setattr(model.domain.__class__, "inputs", lambda domain, **_: Inputs([(1,), (1, 2)], exhaustive=False))
    monkeypatch.setattr(input_pool, "covering_inputs", lambda *_, **__: [])
    assert ground(model, "resample", "mixed").runs.tokens.shape[1] == 1 + 5


def test_runs_that_do_not_fit_into_memory_are_refused_before_any_is_made(monkeypatch):
    monkeypatch.setattr(input_pool, "MEMORY_LIMIT", 10_000)
    monkeypatch.setattr(prover, "Runs", None)  # nothing may be run
    with pytest.raises(DomainError, match=r"would hold .* GiB of outputs \(.* inputs x 6 positions x .*budget=\d+"):
        ground(load("hist"), "resample", "fixed")


def test_live_edges_that_do_not_reach_the_logits_are_refused(model):
    circuit = model.circuit("resample", "fixed")
    truths = [
        replace(t, status="inert", proof="constant", witness=None) if str(t.edge) == "m2->logits" else t
        for t in circuit.truths
    ]
    with pytest.raises(ProofError, match="it has 7 live edges such as 'input->m0', and no path from any of them"):
        require_coherent(replace(circuit, truths=tuple(truths)))


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("abc")
    save(model, folder, [model.circuit("resample", "fixed")])
    return folder


def test_a_stored_large_domain_is_read_and_proven_again(model, stored):
    again = load(stored).circuit("resample", "fixed")
    assert again.coverage == "value classes"
    assert again.truths == model.circuit("resample", "fixed").truths
    assert [check for check in verify(stored).checks if not check.ok] == []


def tampered(folder, tmp_path, change):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    truth = json.loads((tmp_path / "truth.json").read_text())
    chosen = next(c for c in truth["circuits"] if (c["ablation"], c["lengths"]) == ("resample", "fixed"))
    change(chosen)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path


def test_a_sample_that_does_not_say_so_is_refused(stored, tmp_path):
    folder = tampered(stored, tmp_path, lambda circuit: circuit.pop("coverage"))
    with pytest.raises(ArtifactError, match="speaks of a sample of the domain without saying how much of it is proven"):
        load(folder).circuit("resample", "fixed")


def test_what_value_classes_do_not_show_is_no_proof(stored, tmp_path):
    def change(circuit):
        circuit["edges"]["a1.h0->m1"] = {"status": "inert", "proof": "constant"}

    folder = tampered(stored, tmp_path, change)
    failed = [check.detail for check in verify(folder).checks if not check.ok]
    assert any("a1.h0->m1 (what it carries may vary)" in detail for detail in failed)


def test_a_truth_of_a_sample_is_no_exact_score(model, blind):
    sampled = replace(model)
    sampled._circuits["resample", "fixed"] = sampled.circuit("resample", "fixed", budget=60)
    assert sampled.circuit("resample", "fixed").counts["undecided"] > 0
    row = score("oracle", sampled, lengths="fixed", n_pairs=200)
    assert row.truth is not None
    assert row.truth.certainty == "sampled"
    assert row.truth.live is not None
    assert row.truth.live.exact  # of what is judged
    assert (
        result_of([(Cell("oracle", sampled.name), row)], seconds=0.0).summaries("resample")[0].fractions["exact"][0]
        == 0
    )
    assert "Truth of a sample of the domain: detect_pattern(abc)" in next(sampled_sentences([row])).plain


def test_a_search_runs_before_it_gives_up(monkeypatch):
    """With room for 200 runs of each edge and no likely pairs, witnesses are found all the same, or nothing is said."""
    small = load("hist")
    whole = small.circuit("resample", "fixed")
    monkeypatch.setattr(cut_edge, "RUN_LIMIT", 200)
    monkeypatch.setattr(cut_edge, "likely_pairs", lambda *_: iter(()))
    again = prove(small, lengths="fixed")
    assert again.edges == whole.edges
    assert again.redundant == ()


def test_copies_are_not_blamed_for_what_is_undecided(monkeypatch):
    small = load("hist")
    monkeypatch.setattr(cut_edge, "RUN_LIMIT", 0)
    monkeypatch.setattr(cut_edge, "likely_pairs", lambda *_: iter(()))
    monkeypatch.setattr(cut_edge, "_differing", lambda *_: None)
    monkeypatch.setattr(value_classes.ValueClasses, "proof", lambda *_: None)
    monkeypatch.setattr(family, "minimal_circuits", None)  # nothing is redundant where nothing is known
    circuit = prove(small, lengths="fixed")
    assert circuit.counts["undecided"] == 4
    assert str(circuit.sufficiency) == "sufficiency undecided because 4 edges are undecided"


def test_a_sample_is_called_one():
    assert str(Sufficiency(None, "sample", 20_000)) == "jointly sufficient on a sample (20,000 pairs tried)"
    assert str(Sufficiency(None, "sample", undecided=1)) == "sufficiency undecided because 1 edge is undecided"
    assert str(Sufficiency(True, "classes")) == "jointly sufficient (proven)"
