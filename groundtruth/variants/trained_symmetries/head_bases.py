"""Queries and keys, values and outputs of trained heads in another basis of the head's own space.

Heads that share keys and values share the change of basis too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.variants.symmetries.gauges import STRETCH, draw_gauges
from groundtruth.variants.trained_symmetries.trained_variant import TrainedChange
from groundtruth.variants.variant import same_nodes


def change_query_bases(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """W_Q -> W_Q A and W_K -> W_K A^-T, biases likewise: scores stay.

    Rotary positions turn queries and keys between W_Q and W_K, pair of dimensions by pair. So there A may only be what
    commutes with that: a rotation and a stretch of each pair.
    """
    shape = network.architecture
    bases, inverses = _draw_rotary_gauges(shape, rng) if shape.rotary else _draw_shared_gauges(shape, rng)
    return _with_bases(network, {"Q": _per_head(shape, bases), "K": inverses.transpose(-1, -2)})


def change_value_bases(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """W_V -> W_V A with its bias, and W_O -> A^-1 W_O: what a head moves stays."""
    shape, weights = network.architecture, network.weights
    bases, inverses = _draw_shared_gauges(shape, rng)
    written = torch.einsum("lhjk,lhkd->lhjd", _per_head(shape, inverses), weights.W_O)
    return _with_bases(replace(network, weights=replace(weights, W_O=written)), {"V": bases})


def _with_bases(network: TrainedNetwork, changes: Mapping[str, Tensor]) -> TrainedChange:
    """A network with its queries, keys or values, biases too, multiplied on the right by one matrix a head."""
    tensors = network.weights.tensors
    for letter, matrix in changes.items():
        tensors[f"W_{letter}"] = torch.einsum("lhdk,lhkj->lhdj", tensors[f"W_{letter}"], matrix)
        if f"b_{letter}" in tensors:
            tensors[f"b_{letter}"] = torch.einsum("lhk,lhkj->lhj", tensors[f"b_{letter}"], matrix)
    return TrainedChange(replace(network, weights=TrainedWeights.of(tensors)), same_nodes(network))


def _draw_shared_gauges(shape: Architecture, rng: Generator) -> tuple[Tensor, Tensor]:
    """An invertible matrix and its inverse for every head with keys of its own [layer, kv_head, d_head, d_head]."""
    return draw_gauges((shape.n_layers, shape.kv_heads), shape.d_head, rng)


def _draw_rotary_gauges(shape: Architecture, rng: Generator) -> tuple[Tensor, Tensor]:
    """The same of matrices that turn and stretch each pair of dimensions that rotary positions turn."""
    size, half = (shape.n_layers, shape.kv_heads), shape.d_head // 2
    angles = torch.from_numpy(rng.uniform(-np.pi, np.pi, (*size, half)))
    stretch = torch.from_numpy(STRETCH ** rng.uniform(-1, 1, (*size, half)))
    cos, sin = torch.diag_embed(stretch * angles.cos()), torch.diag_embed(stretch * angles.sin())
    made = torch.cat((torch.cat((cos, sin), -1), torch.cat((-sin, cos), -1)), -2)
    # A turn's inverse is its transpose, and that of the stretch is undone twice: once in it, once for the inverse.
    undone = torch.cat((stretch, stretch), -1)[..., None] ** -2
    return made, undone * made.transpose(-1, -2)


def _per_head(shape: Architecture, matrices: Tensor) -> Tensor:
    """Matrices of heads with keys of their own, once for every query head."""
    return matrices.repeat_interleave(shape.n_heads // shape.kv_heads, 1)
