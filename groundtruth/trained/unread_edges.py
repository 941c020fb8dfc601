"""Edges over which nothing is read, whatever the input: what the source can write, times what reads it, is zero."""

import torch
from torch import Tensor

from groundtruth.trained.reading_matrices import reading_matrix
from groundtruth.trained.trained_network import TrainedNetwork
from mib.graph import Edge

_ZERO = 1e-13
"""Products this small, relative to their factors, are zeros of algebra with float64's rounding."""


def is_unread(network: TrainedNetwork, edge: Edge) -> bool:
    """Tell whether nothing that a source can write is read by a destination, by algebra and for every input.

    Under a norm every source is read, if only by the norm.
    """
    if network.architecture.norm:
        return False
    written, matrix = _writing(network, edge.source), reading_matrix(network, edge.destination)
    scale = float(written.abs().max() * matrix.abs().max())
    return float((written @ matrix).abs().max()) <= _ZERO * scale


def _writing(network: TrainedNetwork, source: str) -> Tensor:
    """Rows that span all that a source can write [row, d_model]."""
    weights, place = network.weights, network.graph.locate(source)
    if place.kind == "head":
        return weights.W_O[place.layer, place.head]
    if place.kind == "mlp":
        parts = [weights.W_out[place.layer], *([] if weights.b_out is None else [weights.b_out[place.layer][None]])]
        return torch.cat(parts)
    # PAD's row, the last, is left out: no input of the domain has it.
    return weights.W_E[:-1] if place.kind == "input" or weights.W_pos is None else weights.W_pos
