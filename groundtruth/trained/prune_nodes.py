"""Prune a network node by node: whatever its answers do not need is set to zero.

Gao et al. (2025, arXiv 2511.13653) learn which nodes to prune, for one task of many. Here the network has one task and
few inputs, so nodes are tried one after the other on all of them, those that matter least first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from groundtruth.trained.answer_margins import answer_margins
from groundtruth.trained.cut_forward import forward
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights

Index: TypeAlias = tuple[int | slice, ...]

Node: TypeAlias = tuple[tuple[str, Index], ...]
"""Weights that are pruned together: tensors by name, with the place in each."""

_ALL = slice(None)


def prune_nodes(network: TrainedNetwork, ids: Tensor, answers: Tensor, *, margin: float) -> TrainedNetwork:
    """Set nodes to zero as long as every answer stays right by a margin.

    A node is a neuron, a channel of a head's queries and keys or of its values and results, or a dimension of the
    residual stream that one destination reads or one source writes.

    Args:
        network: A trained network without gates.
        ids: Every input of its domain.
        answers: Codes that should be decoded.
        margin: Least margin of any answer; where one is below already, nothing is pruned.
    """
    weights = network.weights.convert(torch.clone)
    nodes = [node for node in _nodes(weights) if _magnitude(weights, node)]
    # Measured once, on the whole network. The order is a guess by then, but each removal is tried again on what is
    # left.
    effects = [_worst_without(network, weights, node, ids, answers, keep=True) for node in nodes]
    for place in sorted(range(len(nodes)), key=lambda place: -effects[place]):
        # From here on every node breaks an answer even with all others in place.
        if effects[place] < margin:
            break
        # Nodes overlap: removing another may have emptied this one.
        if _magnitude(weights, nodes[place]):
            before = [weights.tensors[name][index].clone() for name, index in nodes[place]]
            if _worst_without(network, weights, nodes[place], ids, answers, keep=False) < margin:
                _put(weights, nodes[place], before)
    return replace(network, weights=weights)


@torch.no_grad()
def _worst_without(
    network: TrainedNetwork, weights: TrainedWeights, node: Node, ids: Tensor, answers: Tensor, *, keep: bool
) -> float:
    """The smallest margin with a node set to zero, which it then stays or does not."""
    before = [weights.tensors[name][index].clone() for name, index in node]
    for name, index in node:
        weights.tensors[name][index] = 0.0
    logits = forward(network.architecture, weights, ids).logits[:, 1:]
    if keep:
        _put(weights, node, before)
    return float(answer_margins(network.decoder, logits, answers).min())


def _put(weights: TrainedWeights, node: Node, values: list[Tensor]) -> None:
    for (name, index), value in zip(node, values, strict=True):
        weights.tensors[name][index] = value


def _magnitude(weights: TrainedWeights, node: Node) -> float:
    return sum(float(weights.tensors[name][index].abs().sum()) for name, index in node)


def _nodes(weights: TrainedWeights) -> Iterator[Node]:
    layers, heads, width, size = weights.W_Q.shape
    for dimension in range(width):
        yield (("W_E", (_ALL, dimension)),)
        if weights.W_pos is not None:
            yield (("W_pos", (_ALL, dimension)),)
        yield (("W_U", (dimension,)),)
    for layer in range(layers):
        for head in range(heads):
            for channel in range(size):
                yield ("W_Q", (layer, head, _ALL, channel)), ("W_K", (layer, head, _ALL, channel))
                yield ("W_V", (layer, head, _ALL, channel)), ("W_O", (layer, head, channel))
            for dimension in range(width):
                yield from ((((name, (layer, head, dimension)),)) for name in ("W_Q", "W_K", "W_V"))
                yield (("W_O", (layer, head, _ALL, dimension)),)
        biases = () if weights.b_in is None else ("b_in",)
        for neuron in range(weights.W_in.shape[-1]):
            own = [("W_in", (layer, _ALL, neuron)), ("W_out", (layer, neuron))]
            yield (*own, *((name, (layer, neuron)) for name in biases))
        for dimension in range(width):
            yield (("W_in", (layer, dimension)),)
            written: Node = (("W_out", (layer, _ALL, dimension)),)
            yield written if weights.b_out is None else (*written, ("b_out", (layer, dimension)))
