"""Heads and layers of zeros between those of a trained network: nothing changes but where the circuit is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.random import Generator
from torch import Tensor

from groundtruth.errors import DomainError, VariantError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import KEY_HEADS, QUERY_HEADS, TrainedWeights
from groundtruth.variants.symmetries.insertions import require_count
from groundtruth.variants.trained_symmetries.trained_variant import TrainedChange, moved_correspondence
from groundtruth.variants.variant import moved_nodes

_OF_NO_LAYER = ("W_E", "W_pos", "W_U", "b_U", "final_gain")


def add_idle_heads(network: TrainedNetwork, rng: Generator, *, count: int = 1) -> TrainedChange:
    """Add heads of zeros to every layer, at random places.

    Args:
        network: A trained network.
        rng: Chooses the places.
        count: Number to add in each layer; where heads share keys and values, the number of such groups.

    Raises:
        VariantError: If that is none, or more than a trained network can have.
    """
    require_count(count, "insert_heads")
    shape = network.architecture
    group, shared = shape.n_heads // shape.kv_heads, shape.kv_heads
    wider = _require_possible(network, n_heads=shape.n_heads + count * group, n_kv_heads=_more(shape, count))
    keys = [sorted(rng.choice(shared + count, shared, replace=False).tolist()) for _ in range(shape.n_layers)]
    heads = [[place * group + within for place in places for within in range(group)] for places in keys]
    tensors = network.weights.tensors
    for names, places, size in ((QUERY_HEADS, heads, wider.n_heads), (KEY_HEADS, keys, wider.kv_heads)):
        for name in filter(tensors.__contains__, names):
            own = tensors[name]
            tensors[name] = own.new_zeros((shape.n_layers, size, *own.shape[2:]))
            for layer, new in enumerate(places):
                tensors[name][layer, new] = own[layer]
    return _inserted(network, wider, tensors, range(shape.n_layers), heads)


def add_idle_layers(network: TrainedNetwork, rng: Generator, *, count: int = 1) -> TrainedChange:
    """Add layers of zeros at random places; their gains are 1.

    Args:
        network: A trained network.
        rng: Chooses the places.
        count: Number to add.

    Raises:
        VariantError: If that is none, or more than a trained network can have.
    """
    require_count(count, "insert_layers")
    shape = network.architecture
    deeper = _require_possible(network, n_layers=shape.n_layers + count)
    places = sorted(rng.choice(deeper.n_layers, shape.n_layers, replace=False).tolist())
    tensors = network.weights.tensors
    for name, own in network.weights.tensors.items():
        if name not in _OF_NO_LAYER:
            fill = own.new_ones if name.endswith("_gain") else own.new_zeros
            tensors[name] = fill((deeper.n_layers, *own.shape[1:]))
            tensors[name][places] = own
    return _inserted(network, deeper, tensors, places, [range(shape.n_heads)] * shape.n_layers)


def _inserted(
    network: TrainedNetwork,
    shape: Architecture,
    tensors: dict[str, Tensor],
    layers: Sequence[int],
    heads: Sequence[Sequence[int]],
) -> TrainedChange:
    nodes = moved_nodes(network, layers, heads)
    moved = moved_correspondence(network.correspondence, nodes)
    weights = TrainedWeights.of(tensors)
    return TrainedChange(replace(network, architecture=shape, weights=weights, correspondence=moved), nodes)


def _more(shape: Architecture, count: int) -> int | None:
    return None if shape.n_kv_heads is None else shape.n_kv_heads + count


def _require_possible(network: TrainedNetwork, **sizes: int | None) -> Architecture:
    try:
        return replace(network.architecture, **sizes)
    except DomainError as error:
        raise VariantError(f"nothing can be inserted into '{network.name}': {error}") from error
