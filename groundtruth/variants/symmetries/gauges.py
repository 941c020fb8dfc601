"""Gauge changes of heads: queries and keys, values and outputs in another basis of the head's own space."""

from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.model import CompiledModel
from groundtruth.variants.symmetries.residual_basis import isometry
from groundtruth.variants.variant import Made, same_nodes

STRETCH = 2.0
"""Coordinates of a head are stretched by up to this factor and shrunk by up to its inverse, so that no gauge is
ill-conditioned."""


def gauge_qk(model: CompiledModel, rng: Generator) -> Made:
    """W_Q -> W_Q A and W_K -> W_K A^-T in every head: the scores W_Q W_K^T stay."""
    weights = model.weights
    matrices, inverses = draw_gauges((weights.n_layers, weights.n_heads), weights.d_head, rng)
    query = torch.einsum("lhdk,lhkj->lhdj", weights.W_Q, matrices)
    key = torch.einsum("lhdk,lhjk->lhdj", weights.W_K, inverses)
    return Made(replace(model, weights=replace(weights, W_Q=query, W_K=key)), same_nodes(model))


def gauge_ov(model: CompiledModel, rng: Generator) -> Made:
    """W_V -> W_V A and W_O -> A^-1 W_O in every head: what it moves, W_V W_O, stays."""
    weights = model.weights
    matrices, inverses = draw_gauges((weights.n_layers, weights.n_heads), weights.d_head, rng)
    value = torch.einsum("lhdk,lhkj->lhdj", weights.W_V, matrices)
    output = torch.einsum("lhjk,lhkd->lhjd", inverses, weights.W_O)
    return Made(replace(model, weights=replace(weights, W_V=value, W_O=output)), same_nodes(model))


def draw_gauges(heads: tuple[int, int], size: int, rng: Generator) -> tuple[Tensor, Tensor]:
    """Draw an invertible matrix and its inverse for every head [layer, head, d_head, d_head].

    Args:
        heads: Number of layers, and heads in each.
        size: Dimensions of a head.
        rng: Draws them.
    """
    made: list[Tensor] = []
    inverted: list[Tensor] = []
    # Idle heads too, so that what is drawn for a head does not depend on which others are busy.
    for _ in range(heads[0] * heads[1]):
        left, right = isometry(size, size, rng), isometry(size, size, rng)
        stretch = torch.from_numpy(STRETCH ** rng.uniform(-1, 1, size))
        made.append(left @ torch.diag(stretch) @ right)
        # From its factors, orthogonal and diagonal, and not by `inv`, which would amplify rounding.
        inverted.append(right.T @ torch.diag(1 / stretch) @ left.T)
    shape = (*heads, size, size)
    return torch.stack(made).reshape(shape), torch.stack(inverted).reshape(shape)
