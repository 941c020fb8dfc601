"""Three copies of which two decide: no cut of one of them changes an output, and any two are a minimal circuit."""

from itertools import combinations

import pytest

import groundtruth
from groundtruth.compiler.compile_program import check
from groundtruth.errors import VariantError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.verify_model import circuit_again, verify
from tests.groundtruth.every_subset import family_differences
from tests.groundtruth.variants.hardenings.tiny_models import is_early, previous_letter

THREE = ("m0", "m1", "m2")


@pytest.mark.parametrize(("name", "component"), [("hist", "m0"), ("frac_prevs", "m0"), ("odd_one_out", "a1.h0")])
def test_votes_leave_the_output_what_it_was(name, component):
    original = groundtruth.load(name)
    variant = HARDENINGS["votes"](original, component=component)
    assert check(variant) == original.check
    voters = {n.role for n in variant.provenance.neurons} | {h.role for h in variant.provenance.heads}
    assert {"voter", "majority"} <= voters


@pytest.mark.parametrize("ablation", ["resample", "zero"])
def test_any_two_of_three_mlps_are_a_minimal_circuit(ablation):
    model = HARDENINGS["votes"](is_early(), seed=1)
    circuit = model.circuit(ablation, "fixed")
    used = [sorted({edge.source for edge in edges} & {*THREE}) for edges in circuit.minimal_circuits]
    assert circuit.complete
    assert sorted(used) == [list(two) for two in combinations(THREE, 2)]
    assert {str(edge) for edge in circuit.redundant} == {f"input->{m}" for m in THREE} | {f"{m}->m3" for m in THREE}
    assert family_differences(model, circuit) == []


def test_under_mean_ablation_one_copy_and_the_mean_of_the_others_are_enough():
    model = HARDENINGS["votes"](is_early(), seed=1)
    circuit = model.circuit("mean", "fixed")
    assert [len({edge.source for edge in edges} & {*THREE}) for edges in circuit.minimal_circuits] == [1, 1, 1]
    assert family_differences(model, circuit) == []


def test_any_two_of_three_heads_are_a_minimal_circuit():
    model = HARDENINGS["votes"](previous_letter(), component="a0.h0")
    circuit = model.circuit("resample", "fixed")
    used = [sorted({edge.source for edge in edges if edge.source[0] == "a"}) for edges in circuit.minimal_circuits]
    assert circuit.complete
    assert sorted(used) == [list(two) for two in combinations(("a0.h0", "a0.h1", "a0.h2"), 2)]
    assert circuit_again(model, circuit)


def test_single_cuts_miss_what_two_of_three_decide():
    score = CircuitEvaluator.of(HARDENINGS["votes"](is_early(), seed=1), n_pairs=32, max_sizes=4).score("exact")
    assert CircuitEvaluator.of(is_early(), n_pairs=32, max_sizes=4).score("exact").live.auroc == 1.0
    assert score.live.auroc < 0.7
    assert score.truth.interactions == 6 / 7


def test_votes_compose_and_are_proven_again_from_their_files(tmp_path):
    model = variant_of(is_early(), "votes+soft+cancelling+permute_neurons+rotate", seed=3)
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [found for found in outcome.checks if not found.ok]


def test_what_cannot_be_voted_on_is_said():
    with pytest.raises(VariantError, match="no head and no MLP of 'is_early@votes' writes one-hot values, or 0 and 1"):
        variant_of(is_early(), "votes+votes")
    with pytest.raises(VariantError, match=r"votes\(component='m7'\): choose a part of 'hist' .* nothing else: m0\."):
        HARDENINGS["votes"](groundtruth.load("hist"), component="m7")
