"""Heads that MLPs look up to no effect: inert under every ablation, loud to whoever multiplies by a gradient."""

import pytest

import groundtruth
from groundtruth.compiled.forward import forward
from groundtruth.compiler.compile_program import check
from groundtruth.errors import VariantError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.verify_model import verify
from tests.groundtruth.every_subset import family_differences
from tests.groundtruth.variants.hardenings.tiny_models import is_early, previous_letter


@pytest.mark.parametrize("name", ["hist", "contains_x"])
def test_read_decoys_are_loud_and_leave_the_output_what_it_was(name):
    original = groundtruth.load(name)
    model = HARDENINGS["read_decoys"](original, seed=2)
    assert check(model) == original.check
    decoys = [head for head in model.provenance.heads if head.role == "ignored"]
    assert len(decoys) == model.weights.n_layers
    states = forward(model.weights, model.encode([item for item in model.domain.inputs().tokens if len(item) == 3]))
    for head in decoys:
        assert float(states.heads[head.layer, :, 1:, head.head].std(0).amax()) > 0.4


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_what_is_ignored_is_inert_and_the_circuit_stays(ablation):
    variant = HARDENINGS["read_decoys"].apply(is_early(), seed=1)
    circuit = variant.model.circuit(ablation, "fixed")
    assert circuit["a0.h1->m0"].status == circuit["input->a0.h1<v>"].status == "inert"
    assert circuit["a0.h1->m0"].proof == "absorbed"
    moved = {
        frozenset(variant.edges[e] for e in edges) for edges in is_early().circuit(ablation, "fixed").minimal_circuits
    }
    assert {frozenset(edges) for edges in circuit.minimal_circuits} == moved
    assert family_differences(variant.model, circuit) == []


def test_a_gradient_takes_the_decoy_for_the_loudest_edge_and_a_cut_for_none():
    raw, hard = (
        CircuitEvaluator.of(m, n_pairs=32, max_sizes=4)
        for m in (is_early(), HARDENINGS["read_decoys"](is_early(), seed=1))
    )
    assert raw.score("eap").live.gap > 1.0 > 0.2 > hard.score("eap").live.gap
    assert hard.score("exact").live.gap > 1.0


def test_read_decoys_compose_and_are_proven_again_from_their_files(tmp_path):
    model = variant_of(is_early(), "read_decoys+votes+permute_neurons+rotate", seed=3)
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [found for found in outcome.checks if not found.ok]


def test_a_model_without_an_mlp_has_nobody_to_read_decoys():
    with pytest.raises(VariantError, match="no MLP of .* computes anything: there is nothing to read decoys"):
        HARDENINGS["read_decoys"](previous_letter())
    with pytest.raises(VariantError, match=r"read_decoys\(heads=0\) adds nothing; use at least 1"):
        HARDENINGS["read_decoys"](is_early(), heads=0)
