"""Trained heads and neurons in another order, and neurons on another scale where the nonlinearity allows it."""

from __future__ import annotations

from dataclasses import replace

import torch
from numpy.random import Generator

from groundtruth.errors import VariantError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import KEY_HEADS, QUERY_HEADS, TrainedWeights
from groundtruth.variants.symmetries.permutations import SCALE, another_order
from groundtruth.variants.trained_symmetries.trained_variant import TrainedChange, moved_correspondence
from groundtruth.variants.variant import moved_nodes, same_nodes


def reorder_heads(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """The heads of each layer in a random order; those that share keys and values stay together."""
    orders = [_draw_head_order(network.architecture, rng) for _ in range(network.architecture.n_layers)]
    tensors = network.weights.tensors
    for names, which in ((QUERY_HEADS, 0), (KEY_HEADS, 1)):
        for name in filter(tensors.__contains__, names):
            tensors[name] = torch.stack([own[order[which]] for own, order in zip(tensors[name], orders, strict=True)])
    places = [[heads.index(head) for head in range(len(heads))] for heads, _ in orders]
    nodes = moved_nodes(network, range(len(orders)), places)
    moved = moved_correspondence(network.correspondence, nodes)
    return TrainedChange(replace(network, weights=TrainedWeights.of(tensors), correspondence=moved), nodes)


def reorder_neurons(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """The neurons of each MLP in a random order, with their gates and biases."""
    tensors, width = network.weights.tensors, network.architecture.d_mlp
    orders = [another_order(width, rng) for _ in range(network.architecture.n_layers)]
    for name in filter(tensors.__contains__, ("W_in", "W_gate", "b_in")):
        tensors[name] = torch.stack([own[..., order] for own, order in zip(tensors[name], orders, strict=True)])
    tensors["W_out"] = torch.stack([own[order] for own, order in zip(tensors["W_out"], orders, strict=True)])
    return TrainedChange(replace(network, weights=TrainedWeights.of(tensors)), same_nodes(network))


def rescale_neurons(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """Multiply what each neuron reads by a positive number and divide what it writes by it.

    Raises:
        VariantError: If the nonlinearity does not allow it: GELU does not, a gate's other branch and ReLU do.
    """
    shape, tensors = network.architecture, network.weights.tensors
    if not scales_neurons(shape):
        raise VariantError(
            f"'{network.name}' has no scaled neurons: {shape.activation} of twice a number is not twice its "
            f"{shape.activation}. Take permute_neurons, or a model with ReLU or gated MLPs."
        )
    scale = torch.from_numpy(SCALE ** rng.uniform(-1, 1, (shape.n_layers, shape.d_mlp)))
    tensors["W_in"], tensors["W_out"] = tensors["W_in"] * scale[:, None], tensors["W_out"] / scale[:, :, None]
    if "b_in" in tensors:
        tensors["b_in"] = tensors["b_in"] * scale
    return TrainedChange(replace(network, weights=TrainedWeights.of(tensors)), same_nodes(network))


def scales_neurons(shape: Architecture) -> bool:
    """Tell whether what a neuron writes grows by the factor of what it reads: with a gate, its other branch does."""
    return shape.gated or shape.activation == "relu"


def _draw_head_order(shape: Architecture, rng: Generator) -> tuple[list[int], list[int]]:
    """A random order of heads, another one than the present if there is another, and of the keys that they share."""
    group = shape.n_heads // shape.kv_heads
    while True:
        shared: list[int] = rng.permutation(shape.kv_heads).tolist()
        heads = [key * group + within for key in shared for within in rng.permutation(group).tolist()]
        if len(heads) < 2 or heads != sorted(heads):
            return heads, shared
