"""Heads and layers of zeros between those that are there: nothing changes but where the circuit is."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Head, Provenance
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.variant import Made, moved_nodes

_PER_LAYER = ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")
_PER_HEAD = ("W_Q", "W_K", "W_V", "W_O")


def insert_heads(model: CompiledModel, rng: Generator, *, count: int = 1) -> Made:
    """Add heads of zeros to every layer, at random places.

    Args:
        model: A compiled model.
        rng: Chooses the places.
        count: Number to add in each layer.

    Raises:
        VariantError: If that is none.
    """
    require_count(count, "insert_heads")
    n_layers, n_heads = model.weights.n_layers, model.weights.n_heads
    # Sorted, so that heads stay in order: what moves them is another symmetry.
    places = [sorted(rng.choice(n_heads + count, n_heads, replace=False).tolist()) for _ in range(n_layers)]
    weights = model.weights
    moved: dict[str, Tensor] = {}
    for name in _PER_HEAD:
        own: Tensor = getattr(weights, name)
        moved[name] = own.new_zeros((n_layers, n_heads + count, *own.shape[2:]))
        for layer, new in enumerate(places):
            moved[name][layer, new] = own[layer]
    heads = [replace(head, head=places[head.layer][head.head]) for head in model.provenance.heads]
    provenance = _with_idle(replace(model.provenance, heads=tuple(heads)), n_layers, n_heads + count)
    changed = replace(model, weights=replace(weights, **moved), provenance=provenance)
    return Made(changed, moved_nodes(model, range(n_layers), places))


def insert_layers(model: CompiledModel, rng: Generator, *, count: int = 1) -> Made:
    """Add layers of zeros at random places.

    Args:
        model: A compiled model.
        rng: Chooses the places.
        count: Number to add.

    Raises:
        VariantError: If that is none.
    """
    require_count(count, "insert_layers")
    n_layers = model.weights.n_layers
    places = sorted(rng.choice(n_layers + count, n_layers, replace=False).tolist())
    return spread_layers(model, places, n_layers + count)


def spread_layers(model: CompiledModel, places: Sequence[int], n_layers: int) -> Made:
    """A model with its layers at other places, and layers of zeros between them.

    Args:
        model: A compiled model.
        places: The new layer of each layer, ascending.
        n_layers: Number of layers wanted.
    """
    weights, provenance = model.weights, model.provenance
    heads = tuple(replace(head, layer=places[head.layer]) for head in provenance.heads)
    neurons = tuple(replace(neuron, layer=places[neuron.layer]) for neuron in provenance.neurons)
    moved = _with_idle(replace(provenance, heads=heads, neurons=neurons), n_layers, weights.n_heads)
    changed = replace(model, weights=_spread(weights, places, n_layers), provenance=moved)
    return Made(changed, moved_nodes(model, places, [range(weights.n_heads)] * weights.n_layers))


def _spread(weights: Weights, places: Sequence[int], n_layers: int) -> Weights:
    moved: dict[str, Tensor] = {}
    for name in _PER_LAYER:
        own: Tensor = getattr(weights, name)
        moved[name] = own.new_zeros((n_layers, *own.shape[1:]))
        # By long indices, for an empty list of places has no dtype of its own.
        moved[name][torch.tensor(places, dtype=torch.long)] = own
    return replace(weights, **moved)


def _with_idle(provenance: Provenance, n_layers: int, n_heads: int) -> Provenance:
    """Provenance with an idle head wherever none is named."""
    known = {(head.layer, head.head): head for head in provenance.heads}
    every = [(layer, head) for layer in range(n_layers) for head in range(n_heads)]
    heads = tuple(known.get((layer, head), Head(layer, head, None, "idle")) for layer, head in every)
    return replace(provenance, heads=heads)


def require_count(count: int, name: str) -> None:
    """Refuse to insert nothing.

    Raises:
        VariantError: If ``count`` is less than 1.
    """
    if count < 1:
        raise VariantError(f"{name}(count={count}) inserts nothing; use at least 1.")
