"""Two heads that write opposites: each edge of the pair is live alone, and no minimal circuit holds any."""

from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.compiled.forward import forward
from groundtruth.compiler.compile_program import check
from groundtruth.errors import GroundTruthError, VariantError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.provenance_claims import require_provenance
from groundtruth.verification.verify_model import verify
from tests.groundtruth.every_subset import family_differences
from tests.groundtruth.variants.hardenings.tiny_models import is_early


def _is_of_pair(model, edge):
    heads = {f"a{h.layer}.h{h.head}" for h in model.provenance.heads if h.role == "cancelling"}
    return edge.source in heads or edge.destination.partition("<")[0] in heads


@pytest.mark.parametrize("name", ["hist", "frac_prevs", "odd_one_out"])
def test_a_cancelling_pair_leaves_the_output_and_writes_nothing_together(name):
    original = groundtruth.load(name)
    variant = HARDENINGS["cancelling"](original, seed=2)
    assert check(variant) == original.check
    tokens = variant.encode([item for item in variant.domain.inputs().tokens if len(item) == 3])
    states = forward(variant.weights, tokens)
    first, second = (h.head for h in variant.provenance.heads if h.role == "cancelling")
    assert torch.equal(states.heads[0, :, :, first], -states.heads[0, :, :, second])
    assert float(states.heads[0, :, :, first].abs().amax()) > 1.0


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_minimal_circuits_do_without_the_pair_though_single_cuts_show_it(ablation):
    variant = HARDENINGS["cancelling"].apply(is_early(), seed=1)
    before, after = is_early().circuit(ablation, "fixed"), variant.model.circuit(ablation, "fixed")
    moved = [{variant.edges[edge] for edge in edges} for edges in before.minimal_circuits]
    assert after.complete
    assert [set(edges) for edges in after.minimal_circuits] == moved
    assert {_is_of_pair(variant.model, edge) for edge in after.dispensable} == {True}
    assert family_differences(variant.model, after) == []


def test_under_resampling_every_edge_of_the_pair_that_carries_tokens_is_live():
    model = HARDENINGS["cancelling"](is_early(), seed=1)
    circuit = model.circuit("resample", "fixed")
    heads = [f"a0.h{h.head}" for h in model.provenance.heads if h.role == "cancelling"]
    into = {f"input->{head}<{letter}>" for head in heads for letter in "kv"}
    out = {f"{head}->{reader}" for head in heads for reader in ("m0", "logits")}
    assert into | out <= {str(edge) for edge in circuit.dispensable}


def test_single_cuts_rank_the_pair_beside_the_circuit():
    raw, hard = (
        CircuitEvaluator.of(m, n_pairs=32, max_sizes=4)
        for m in (is_early(), HARDENINGS["cancelling"](is_early(), seed=1))
    )
    before, after = raw.score("exact"), hard.score("exact")
    assert (before.live.auroc, before.truth.size_to_sufficiency) == (1.0, 1.0)
    assert after.live.auroc < 0.9 and after.truth.size_to_sufficiency < 0.5


def test_cancelling_composes_and_is_proven_again_from_its_files(tmp_path):
    model = variant_of(is_early(), "cancelling+soft+gauge_qk+gauge_ov+rotate", seed=3)
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [found for found in outcome.checks if not found.ok]


def test_two_pairs_write_to_directions_of_their_own():
    model = HARDENINGS["cancelling"](is_early(), seed=1, pairs=2)
    assert sum(head.role == "cancelling" for head in model.provenance.heads) == 4
    assert len({direction.name for direction in model.provenance.directions}) == model.weights.d_model
    require_provenance(model)


def test_a_pair_that_does_not_cancel_is_found_out():
    model = HARDENINGS["cancelling"](is_early(), seed=1)
    w_o = model.weights.W_O.clone()
    w_o[0, -1] *= -1
    with pytest.raises(GroundTruthError, match="called 'cancelling', but no head of its layer writes the opposite"):
        require_provenance(replace(model, weights=replace(model.weights, W_O=w_o)))


def test_a_pair_of_nothing_is_refused():
    with pytest.raises(VariantError, match=r"cancelling\(pairs=0, width=2\) adds nothing; use at least 1 of each"):
        HARDENINGS["cancelling"](is_early(), pairs=0)
