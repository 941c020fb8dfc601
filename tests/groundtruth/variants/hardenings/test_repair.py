"""A head that is compared with another one and takes over: either is a minimal circuit, and gradients see only one."""

from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.compiled.forward import forward
from groundtruth.compiler.compile_program import check
from groundtruth.errors import VariantError
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.verify_model import verify
from tests.groundtruth.brute_force import small
from tests.groundtruth.every_subset import family_differences
from tests.groundtruth.variants.hardenings.tiny_models import is_early, previous_letter


@pytest.mark.parametrize("name", ["hist", "frac_prevs", "copy_first"])
def test_a_repair_is_silent_until_the_first_head_is_cut_and_then_makes_up_for_it(name):
    """Whatever the first head writes instead, a value of another input, the stream after the neurons is the same."""
    original = groundtruth.load(name)
    model = HARDENINGS["repair"](original)
    assert check(model) == original.check
    (backup,) = (head for head in model.provenance.heads if head.role == "backup")
    tokens = model.encode([item for item in model.domain.inputs().tokens if len(item) == 3])
    states, weights = forward(model.weights, tokens), model.weights
    assert float(states.mlps[backup.layer].abs().max()) == 0.0
    stream = (
        states.embed + states.pos + states.heads[: backup.layer + 1].sum((0, 3)) + states.mlps[: backup.layer].sum(0)
    )
    first = states.heads[backup.layer, :, :, 0]
    cut = stream - first + first.roll(7, 0)
    assert not torch.equal(cut, stream)
    repaired = cut + (cut @ weights.W_in[backup.layer]).relu() @ weights.W_out[backup.layer]
    assert float((repaired - stream)[:, 1:].abs().max()) < 1e-12


def test_either_head_is_a_minimal_circuit_and_no_cut_into_the_first_shows():
    model = HARDENINGS["repair"](previous_letter())
    circuit = model.circuit("resample", "fixed")
    used = [{edge.source for edge in edges} - {"input", "pos"} for edges in circuit.minimal_circuits]
    assert circuit.complete
    assert used == [{"a0.h0"}, {"a0.h1", "m0"}]
    assert circuit["input->a0.h0<v>"].status == "inert" and circuit["input->a0.h1<v>"].status == "live"


def test_trying_every_set_of_edges_finds_the_same_two_circuits():
    model = HARDENINGS["repair"](small("hist", letters=2, max_seq_len=2))
    circuit = model.circuit("resample", "fixed")
    used = [{edge.source for edge in edges} - {"input", "pos"} for edges in circuit.minimal_circuits]
    assert used == [{"a0.h0", "m1"}, {"a0.h1", "m0", "m1"}]
    assert family_differences(model, circuit) == []


def test_the_gradient_at_what_the_model_computes_sees_the_first_head_alone():
    model = HARDENINGS["repair"](previous_letter())
    ids = model.encode([("a", "b")])
    seen: list[float] = []
    for head in (0, 1):
        w_o = model.weights.W_O.clone().requires_grad_()
        forward(replace(model.weights, W_O=w_o), ids).logits[0, 2, 0].backward()
        assert w_o.grad is not None
        seen.append(float((w_o.grad * w_o.detach())[0, head].abs().max()))
    assert seen[0] > 0.5 and seen[1] == 0.0


def test_a_repair_composes_and_is_proven_again_from_its_files(tmp_path):
    model = variant_of(previous_letter(), "repair+permute_neurons+permute_heads+rotate", seed=3)
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [found for found in outcome.checks if not found.ok]


def test_what_cannot_be_repaired_is_said():
    with pytest.raises(VariantError, match="'is_early' has no head that computes an expression: there is nothing to"):
        HARDENINGS["repair"](is_early())
    with pytest.raises(VariantError, match=r"repair\(head='a0.h7'\): choose a head of 'hist' that .*: a0.h0\."):
        HARDENINGS["repair"](groundtruth.load("hist"), head="a0.h7")
