"""Neurons and heads in another order, and neurons on another scale."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from numpy.random import Generator

from groundtruth.compiled.provenance import Provenance
from groundtruth.model import CompiledModel
from groundtruth.variants.variant import Made, moved_nodes, same_nodes

SCALE = 4.0
"""Neurons are scaled by up to this factor, and by no less than its inverse."""


def permute_neurons(model: CompiledModel, rng: Generator) -> Made:
    """The neurons of each MLP, idle ones too, in a random order."""
    weights = model.weights
    orders = [another_order(weights.d_mlp, rng) for _ in range(weights.n_layers)]
    # Copies: a model that was given is never written to.
    w_in, w_out = weights.W_in.clone(), weights.W_out.clone()
    for layer, order in enumerate(orders):
        w_in[layer], w_out[layer] = weights.W_in[layer][:, order], weights.W_out[layer][order]
    places = [{old: new for new, old in enumerate(order)} for order in orders]
    neurons = [replace(n, index=places[n.layer][n.index]) for n in model.provenance.neurons]
    provenance = replace(model.provenance, neurons=tuple(sorted(neurons, key=lambda n: (n.layer, n.index))))
    changed = replace(model, weights=replace(weights, W_in=w_in, W_out=w_out), provenance=provenance)
    return Made(changed, same_nodes(model))


def scale_neurons(model: CompiledModel, rng: Generator) -> Made:
    """Multiply what each neuron reads by a positive number and divide what it writes by it: ReLU is homogeneous."""
    weights = model.weights
    scale = torch.from_numpy(SCALE ** rng.uniform(-1, 1, (weights.n_layers, weights.d_mlp)))
    scaled = replace(weights, W_in=weights.W_in * scale[:, None], W_out=weights.W_out / scale[:, :, None])
    return Made(replace(model, weights=scaled), same_nodes(model))


def permute_heads(model: CompiledModel, rng: Generator) -> Made:
    """The heads of each layer in a random order."""
    weights = model.weights
    orders = [another_order(weights.n_heads, rng) for _ in range(weights.n_layers)]
    names = ("W_Q", "W_K", "W_V", "W_O")
    moved = {
        name: torch.stack([getattr(weights, name)[layer][order] for layer, order in enumerate(orders)])
        for name in names
        if orders
    }
    places = [[order.index(head) for head in range(weights.n_heads)] for order in orders]
    changed = replace(model, weights=replace(weights, **moved), provenance=_with_heads(model.provenance, places))
    return Made(changed, moved_nodes(model, range(weights.n_layers), places))


def another_order(size: int, rng: Generator) -> list[int]:
    """A random order that is another one than the present one, if there is another."""
    while True:
        order = rng.permutation(size).tolist()
        # A variant that moves nothing would test nothing.
        if size < 2 or order != sorted(order):
            return order


def _with_heads(provenance: Provenance, places: Sequence[Sequence[int]]) -> Provenance:
    heads = [replace(head, head=places[head.layer][head.head]) for head in provenance.heads]
    return replace(provenance, heads=tuple(sorted(heads, key=lambda head: (head.layer, head.head))))
