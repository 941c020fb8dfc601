"""A compiled model behind LayerNorm: the same answers and the same circuit, certified, or a refusal with the reason."""

from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.errors import GroundTruthError, VariantError
from groundtruth.model import load
from groundtruth.specs import find_model
from groundtruth.store.catalog import shipped_layernorm
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.variants.layer_norm import add_layer_norm, normed_model
from groundtruth.variants.layer_norm.build_normed import MODELS
from groundtruth.variants.layer_norm.normed_model import normed_networks
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.layer_norm_claims import require_layer_norm
from groundtruth.verification.verify_model import verify
from mib.graph import Edge
from tests.groundtruth.variants.hardenings.tiny_models import is_early


def _logits(network, inputs):
    return network.logits(network.encode(inputs))[:, 1:]


@pytest.mark.parametrize("name", ["reverse", "second_step", "nary_map", "follow_pointer_thrice"])
def test_where_every_source_is_of_one_length_the_norm_changes_no_logit(name):
    compiled = load(name)
    (network,) = normed_networks(compiled, length=3)
    inputs = list(network.domain.enumerate())
    assert network.architecture.norm and network.architecture.gains
    assert network.training.settings["spread"] < 1e-12
    torch.testing.assert_close(_logits(network, inputs), _logits(compiled, inputs), atol=1e-10, rtol=0)


def test_where_a_head_varies_in_length_it_writes_the_largest_share_that_leaves_every_answer_right():
    compiled = load("a_before_b")
    first, second, *_ = normed_networks(compiled, length=3)
    shares = [network.training.settings["share"] for network in (first, second)]
    assert shares[0] > shares[1] and first.training.settings["spread"] > 1e-3
    inputs = list(first.domain.enumerate())
    assert first.run_many(inputs) == compiled.run_many(inputs)
    assert float((_logits(first, inputs) - _logits(compiled, inputs)).abs().max()) > 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_what_ships_has_the_circuit_that_was_proven_of_the_compiled_model(name):
    model = load(f"{name}@layernorm")
    assert isinstance(model, TrainedModel)
    circuit = model.circuit("resample")
    assert set(circuit.edges) == set(load(name).circuit("resample", "fixed").edges)
    assert circuit.sufficiency.holds and not circuit.counts["undecided"] and not model.certificate.unmet(model)


def test_eight_ship_and_one_of_them_is_proven_again_from_its_files():
    assert shipped_layernorm() == sorted(f"{name}@layernorm" for name in MODELS)
    found = verify("previous_token@layernorm")
    assert found.ok, found.checks
    claims = {check.what for check in found.checks}
    assert claims >= {"recipe", "weights = program", "circuit resample/fixed", "circuit zero/fixed", "certified"}


def test_a_recipe_that_is_not_the_models_is_found_out():
    model = load("previous_token@layernorm")
    assert require_layer_norm(model) == "'previous_token' put behind LayerNorm anew is this model"
    training = model.training
    for changed, told in (
        (replace(training, seed=1), r"the recipe makes of it has another"),
        (replace(training, settings={**training.settings, "share": 0.5}), "is not right .* where sources write 0.5"),
        (replace(training, settings={**training.settings, "source": "copy_first"}), "was made of 'copy_first'"),
    ):
        with pytest.raises(GroundTruthError, match=told):
            require_layer_norm(replace(model, training=changed))


def test_a_seed_draws_gains_that_what_reads_through_them_undoes():
    one, again, other = (next(normed_networks(load("hist"), length=2, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(one.weights.W_in, again.weights.W_in) and not torch.equal(one.weights.W_in, other.weights.W_in)
    gain = one.weights.attn_gain[0]
    assert gain.std() > 0.1 * gain.mean()
    read = [network.weights.W_Q * network.weights.attn_gain[:, None, :, None] for network in (one, other)]
    torch.testing.assert_close(*read)


def test_it_comes_last_after_other_transformations():
    votes = variant_of(is_early(), "votes+rotate", seed=1)
    network = next(normed_networks(votes, length=1, seed=1))
    assert network.name == "is_early@votes+rotate+layernorm"
    (record,) = Certifier(network, n_subsets=10).certify(("resample",)).records
    # Two of three copies and what counts them: the three circuits that were proven of the votes.
    assert [set(c) for c in record.minimal_circuits] == [set(c) for c in votes.circuit("resample").minimal_circuits]
    assert len(record.minimal_circuits) == 3
    assert int((network.weights.W_E != 0).sum(1).min()) == network.architecture.d_model  # no axis means anything
    with pytest.raises(VariantError, match=r"goes on after 'layernorm', which comes last\. Put it at the end\."):
        find_model("hist@layernorm+rotate")


def test_every_edge_is_read_behind_a_norm_if_only_by_it():
    """Nothing is absent by algebra: what a source writes moves the scale of all that read it."""
    counts = load("hist@layernorm").circuit("zero").counts
    assert counts["absent"] == 0 and load("hist").circuit("zero").counts["absent"] > 0
    assert load("hist@layernorm").circuit("resample")[Edge("input", "logits")].status == "inert"


def test_what_has_no_exact_norm_is_refused_with_the_reason(monkeypatch):
    with pytest.raises(VariantError, match=r"'frac_prevs' gives a number, which a norm would scale\. Take one"):
        find_model("frac_prevs@layernorm")
    with pytest.raises(VariantError, match="'hist@superposed' is in superposition: its sources have no dimensions"):
        add_layer_norm(groundtruth.load("hist@superposed"))
    with pytest.raises(VariantError, match="'hist' has too many inputs of length 10; a model behind"):
        add_layer_norm(load("hist"), length=10)
    monkeypatch.setattr(normed_model, "SHARES", (1.0,))
    reason = r"'a_before_b' has no exact LayerNorm: what a0\.h0, m2, a3\.h0, m3 writes varies in length, and '.*' gives"
    with pytest.raises(VariantError, match=reason):
        next(normed_networks(load("a_before_b")))
