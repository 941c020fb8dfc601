"""Matrices by which destinations of a trained network read the residual stream, and all that a circuit reads of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.trained.cut_forward import head_matrix
from groundtruth.trained.trained_network import TrainedNetwork
from mib.sublayers import sublayer_of

_NOTHING = 1e-9
"""Beside the largest singular value of what is read, what is smaller is rounding."""


def reading_matrix(network: TrainedNetwork, destination: str) -> Float[Tensor, "d_model read"]:
    """The matrix by which a destination reads the residual stream, its norm's gain left out."""
    weights, place = network.weights, network.graph.locate(destination)
    if place.kind == "logits":
        return weights.W_U
    if place.kind == "mlp":
        gates = [] if weights.W_gate is None else [weights.W_gate[place.layer]]
        return torch.cat([weights.W_in[place.layer], *gates], dim=1)
    return head_matrix(network.architecture, weights, place.layer, place.letter, place.head)


def later_reads(network: TrainedNetwork, sublayer: int) -> Float[Tensor, "d_model rank"]:
    """Orthonormal columns that span all that a circuit reads of the residual stream from a sublayer on.

    The circuit is that of the correspondence: what spare and idle components read is left out, for nothing that
    matters reads these. The length by which a norm divides is left out too; it is no direction.

    Args:
        network: A trained network.
        sublayer: By its number in ``mib.sublayers``.
    """
    read = [_normed_reads(network, name) for name in _needed(network) if _reads_since(network, name, sublayer)]
    found = torch.cat(read, dim=1)
    u, s, _ = torch.linalg.svd(found, full_matrices=False)
    return u[:, s > _NOTHING * s[:1].sum()]


def _needed(network: TrainedNetwork) -> Sequence[str]:
    """The destinations of the units and the logits."""
    used = {component for unit in network.correspondence.units for component in unit.components}
    return [name for name in network.graph.destinations if name == "logits" or name.partition("<")[0] in used]


def _reads_since(network: TrainedNetwork, destination: str, sublayer: int) -> bool:
    place = network.graph.locate(destination)
    return sublayer_of(place) >= sublayer


def _normed_reads(network: TrainedNetwork, destination: str) -> Tensor:
    """A destination's matrix with its norm's gain multiplied in, and without the mean that LayerNorm subtracts."""
    weights, place, shape = network.weights, network.graph.locate(destination), network.architecture
    gains = {"logits": weights.final_gain, "mlp": weights.mlp_gain}.get(place.kind, weights.attn_gain)
    matrix = reading_matrix(network, destination)
    if gains is not None:
        matrix = (gains if place.kind == "logits" else gains[place.layer])[:, None] * matrix
    # LayerNorm reads nothing along the all-ones vector, so neither does the matrix behind it.
    return matrix - matrix.mean(0) if shape.norm and shape.style == "gpt2" else matrix
