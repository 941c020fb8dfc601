"""Two networks that differ in a LayerNorm alone: one is the compiled model, the other gives its answers."""

import pytest
import torch

from groundtruth.compiled.forward import logits
from groundtruth.errors import DomainError
from groundtruth.interpbench.layer_norm_pair import layer_norm_pair
from groundtruth.model import load
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.cut_forward import forward


@pytest.mark.parametrize("name", ["hist", "copy_last", "contains_x"])
def test_without_the_norm_it_is_the_compiled_model_and_with_it_every_answer_stays(name):
    compiled = load(name)
    pair = layer_norm_pair(compiled, length=3)
    plain, normed = pair.plain, pair.normed
    inputs = list(plain.domain.enumerate())
    ids = plain.encode(inputs)
    torch.testing.assert_close(
        forward(plain.architecture, plain.weights, ids).logits, logits(compiled.weights, compiled.encode(inputs))
    )
    assert not Certifier(plain).behaviour().wrong and not Certifier(normed).behaviour().wrong
    assert normed.architecture.norm and not plain.architecture.norm


def test_gains_are_random_and_undone_by_what_reads_through_them():
    pair = layer_norm_pair(load("hist"), length=3)
    gains = pair.normed.weights.attn_gain
    assert gains.std() > 0.1 * gains.mean()
    product = pair.normed.weights.W_Q * gains[:, None, :, None]
    ratio = product[pair.plain.weights.W_Q != 0] / pair.plain.weights.W_Q[pair.plain.weights.W_Q != 0]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))  # what is left is the mean scale alone


def test_the_circuit_of_both_is_the_proven_one_where_the_scale_varies_by_a_tenth():
    pair = layer_norm_pair(load("hist"), length=3)
    proven = set(load("hist").circuit("resample", "fixed").edges)
    assert (pair.bulk, pair.spread > 0.1) == (0.0, True)
    for network in (pair.plain, pair.normed):
        certificate = Certifier(network, n_subsets=10).certify(("resample",))
        assert {record.edge for record in certificate.records[0].edges if record.status == "live"} == proven


def test_what_has_no_pair_is_refused():
    with pytest.raises(DomainError, match="'frac_prevs' gives a number, which a norm would scale"):
        layer_norm_pair(load("frac_prevs"))
    with pytest.raises(DomainError, match=r"'all_same' has .* inputs of length 9; 1 to 4,096 are enumerated"):
        layer_norm_pair(load("all_same"))
