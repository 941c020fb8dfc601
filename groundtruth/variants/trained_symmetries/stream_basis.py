"""The residual stream of a trained network turned, or put into a wider one, as far as its norm allows.

Without a norm any isometry will do. RMSNorm keeps all lengths, so any isometry will do there too, once gains, which
belong to single dimensions, are multiplied into the matrices that read through them. LayerNorm subtracts the mean: only
isometries that take the all-ones direction to the all-ones direction commute with that.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from numpy.random import Generator
from torch import Tensor

from groundtruth.errors import DomainError, VariantError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.variants.symmetries.residual_basis import isometry, require_wider
from groundtruth.variants.trained_symmetries.trained_variant import TrainedChange
from groundtruth.variants.variant import same_nodes

_WRITERS = ("W_E", "W_pos", "W_O", "W_out", "b_out")
_READERS = {"W_Q": "attn", "W_K": "attn", "W_V": "attn", "W_in": "mlp", "W_gate": "mlp", "W_U": "final"}
"""The matrices that read the stream, each with the norm that it reads through."""

Isometry = Float[Tensor, "old new"]


def turn_stream(network: TrainedNetwork, rng: Generator) -> TrainedChange:
    """Turn the residual stream by a random orthogonal matrix, uniform among those that its norm allows."""
    return _moved(network, _draw_isometry(network.architecture, network.architecture.d_model, rng))


def widen_stream(network: TrainedNetwork, rng: Generator, *, extra: int = 8) -> TrainedChange:
    """Put the residual stream into a wider one by a random isometry.

    Args:
        network: A trained network.
        rng: Chooses the isometry.
        extra: By how many dimensions it gets wider; at least 1.

    Raises:
        VariantError: If it does not get wider, or wider than a trained network can be.
    """
    require_wider(extra)
    return _moved(network, _draw_isometry(network.architecture, network.architecture.d_model + extra, rng))


def _moved(network: TrainedNetwork, change: Isometry) -> TrainedChange:
    """The network whose residual stream is ``x @ change``, times what keeps its mean square under a norm."""
    shape, old = network.architecture, network.weights.tensors
    wide = change.shape[1]
    # A norm divides by the root of a mean over dimensions, to which epsilon is added: that mean has to stay what it is,
    # so a wider stream must be longer.
    scale = (wide / shape.d_model) ** 0.5 if shape.norm else 1.0
    tensors = {name: value @ change * scale if name in _WRITERS else value for name, value in old.items()}
    for name, norm in _READERS.items():
        if name in old:
            tensors[name] = change.T @ _with_gain(old, name, norm) / scale
    for name in filter(lambda name: name.endswith("_gain"), old):
        tensors[name] = torch.ones(*old[name].shape[:-1], wide, dtype=torch.float64)
    try:
        architecture = replace(shape, d_model=wide)
    except DomainError as error:
        raise VariantError(f"'{network.name}' cannot be embedded: {error}") from error
    changed = replace(network, architecture=architecture, weights=TrainedWeights.of(tensors))
    return TrainedChange(changed, same_nodes(network))


def _with_gain(tensors: dict[str, Tensor], name: str, norm: str) -> Tensor:
    """A reading matrix with the gains that it reads through multiplied in."""
    matrix, gain = tensors[name], tensors.get(f"{norm}_gain")
    if gain is None:
        return matrix
    heads = (1,) * (matrix.ndim - gain.ndim - 1)  # gains are the same for all heads of a layer
    return matrix * gain.reshape(*gain.shape[:-1], *heads, gain.shape[-1], 1)


def _draw_isometry(shape: Architecture, wide: int, rng: Generator) -> Isometry:
    """Orthonormal rows [d_model, wide], uniform among those that the norm allows."""
    if not shape.norm or shape.style == "llama":
        return isometry(shape.d_model, wide, rng)
    inner = isometry(shape.d_model - 1, wide - 1, rng)
    change = torch.zeros(shape.d_model, wide, dtype=torch.float64)
    change[0, 0], change[1:, 1:] = 1.0, inner
    return _mean_reflection(shape.d_model) @ change @ _mean_reflection(wide)


def _mean_reflection(size: int) -> Float[Tensor, "size size"]:
    """The reflection that exchanges the first dimension with the all-ones direction (Householder)."""
    between = torch.full((size,), -(size**-0.5), dtype=torch.float64)
    between[0] += 1.0
    return torch.eye(size, dtype=torch.float64) - 2 * torch.outer(between, between) / (between @ between)
