"""Multiplying each distinct vector once gives what multiplying all of them gives."""

import pytest
import torch

from groundtruth import load
from groundtruth.compiled.forward import forward
from groundtruth.compiler.distinct_forward import DistinctForward


def attention(weights, states, layer, head, residual):
    """The attention of one head by the plain formula."""
    queries, keys = residual @ weights.W_Q[layer, head], residual @ weights.W_K[layer, head]
    scores = queries @ keys.transpose(-1, -2) / weights.attn_scale
    if weights.causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -torch.inf)
    return scores.softmax(-1)


@pytest.mark.parametrize("name", ["reverse", "hist", "dyck2_prefix", "frac_prevs", "induction", "frac_prevs@rotated"])
def test_logits_and_attention_are_those_of_the_plain_forward_pass(name):
    model = load(name)
    inputs = model.domain.inputs(limit=200, seed=3).tokens
    ids, weights = model.encode(inputs), model.weights
    patterns = []
    found = DistinctForward(weights).run(ids, patterns.append)
    states = forward(weights, ids)
    torch.testing.assert_close(found, states.logits, rtol=0, atol=1e-9)
    residual, seen = states.embed + states.pos, iter(patterns)
    for layer, heads in enumerate(weights.busy_heads):
        for head in heads:
            expected = attention(weights, states, layer, head, residual)
            torch.testing.assert_close(next(seen), expected, rtol=0, atol=1e-9)
        residual = residual + states.heads[layer].sum(2) + states.mlps[layer]
    assert next(seen, None) is None


def test_vectors_are_told_apart_though_their_products_with_the_probe_are_equal(monkeypatch):
    model = load("hist")
    ids = model.encode(list(model.domain.enumerate()))
    expected = forward(model.weights, ids).logits
    probes = []

    class Blind:
        def standard_normal(self, n):
            probes.append(n)
            return torch.zeros(n, dtype=torch.float64).numpy()

    monkeypatch.setattr("numpy.random.default_rng", lambda seed: Blind())
    torch.testing.assert_close(DistinctForward(model.weights).logits(ids), expected, rtol=0, atol=1e-9)
    assert probes
