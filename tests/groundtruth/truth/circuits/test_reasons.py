"""Which edges are structural, and what is said to travel on them."""

import pytest

from groundtruth import load
from groundtruth.rasp.expressions import walk
from groundtruth.store.read import read_circuits
from groundtruth.truth.circuits.reasons import structure
from tests.groundtruth.brute_force import BruteForce

MODELS = ["hist", "reverse", "sort", "pair_balance", "detect_abc", "hist_by_median", "bracket_depth", "frac_prevs"]

# The token at the opposite index, which is the length less the index less one; the length counts where all is selected.
REVERSE = {
    "input->a0.h0<v>": ("constant", "BOS for length"),
    "input->m1": ("constant", "one for remaining"),
    "pos->m1": ("position", "indices for remaining"),
    "a0.h0->m0": ("variable", "1/(1+length) for length"),
    "m0->m1": ("variable", "length for remaining"),
    "m1->m2": ("variable", "remaining for opposite"),
    "m2->a3.h0<q>": ("variable", "opposite for reverse"),
    "pos->a3.h0<k>": ("position", "indices for reverse"),
    "input->a3.h0<k>": ("constant", "BOS for reverse"),
    "input->a3.h0<v>": ("variable", "tokens for reverse"),
    "a3.h0->logits": ("variable", "reverse for reverse"),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_edge_is_structural_where_writing_and_reading_meet(name):
    model = load(name)
    force = BruteForce(model, "zero", "fixed")
    composing = {f"{source}->{end}" for source, end in force.edges if force.composes((source, end))}
    assert {str(edge) for edge in structure(model)} == composing
    assert composing


@pytest.mark.parametrize("name", MODELS)
def test_every_structural_edge_has_a_reason_in_the_program_s_words(name):
    model = load(name)
    words = {expression.name for expression in walk(model.program)} | {"one", "BOS"}
    for edge, reason in structure(model).items():
        assert reason.carries != "nothing", edge
        assert set(reason.used_for) <= words and reason.used_for, edge
        spoken = {word.removeprefix("1/(1+").removesuffix(")") for word in reason.travels}
        assert spoken <= words | {"tokens", "indices"} and spoken, edge


def test_reasons_of_reverse_are_its_algorithm():
    model = load("reverse")
    found = {str(edge): (reason.carries, str(reason)) for edge, reason in structure(model).items()}
    for edge, expected in REVERSE.items():
        assert found[edge] == expected


def test_between_the_halves_of_a_selector_width_its_scratch_travels():
    reasons = {str(edge): str(reason) for edge, reason in structure(load("hist")).items()}
    assert reasons["a0.h0->m0"] == "1/(1+hist) for hist"


@pytest.mark.parametrize("name", MODELS)
def test_constants_and_positions_of_the_embeddings_never_matter_under_resample(name):
    model = load(name)
    resample = [c for c in read_circuits(model.folder, model.graph) if c.ablation == "resample"]
    assert resample
    for circuit in resample:
        for truth in circuit.truths:
            if truth.edge.source in ("input", "pos") and truth.reason.carries in ("constant", "position"):
                assert (truth.status, truth.proof) == ("inert", "constant"), (truth.edge, circuit.lengths)
