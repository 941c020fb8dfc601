"""A trained transformer as the steps that the page runs, and what its components are trained to compute."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.explorer.network_data import Activation, Affine, AttentionStep, HeadStep, MlpStep, Norm, Rotary, Steps
from groundtruth.trained.cut_forward import EPS, ROTARY_BASE, head_bias, head_matrix
from groundtruth.trained.trained_network import TrainedNetwork

_ACTIVATIONS: dict[str, Activation] = {"gelu_new": "gelu_tanh", "gelu": "gelu", "relu": "relu"}
"""The page's names of TransformerLens's."""


def trained_steps(network: TrainedNetwork) -> Steps:
    """The steps of a trained network, of GPT-2's style or Llama's."""
    shape, weights = network.architecture, network.weights
    steps: list[AttentionStep | MlpStep] = []
    for layer in range(shape.n_layers):
        heads = tuple(_head(network, layer, head) for head in range(shape.n_heads))
        rotary = Rotary(shape.d_head, ROTARY_BASE) if shape.rotary else None
        steps.append(AttentionStep(layer, heads, shape.d_head**0.5, _norm(network, weights.attn_gain, layer), rotary))
        steps.append(_mlp(network, layer))
    return Steps(
        n_layers=shape.n_layers,
        n_heads=shape.n_heads,
        causal=shape.causal,
        token=weights.W_E.numpy(),
        position=None if weights.W_pos is None else weights.W_pos.numpy(),
        steps=tuple(steps),
        unembed=Affine(weights.W_U.numpy(), None if weights.b_U is None else weights.b_U.numpy()),
        norm=_norm(network, weights.final_gain),
    )


def _head(network: TrainedNetwork, layer: int, head: int) -> HeadStep:
    shape, weights = network.architecture, network.weights

    def affine(letter: str) -> Affine:
        bias = head_bias(shape, weights, layer, letter, head)
        return Affine(head_matrix(shape, weights, layer, letter, head).numpy(), None if bias is None else bias.numpy())

    return HeadStep(head, affine("q"), affine("k"), affine("v"), weights.W_O[layer, head].numpy())


def _mlp(network: TrainedNetwork, layer: int) -> MlpStep:
    weights, gated = network.weights, network.weights.W_gate
    return MlpStep(
        layer,
        Affine(weights.W_in[layer].numpy(), _row(weights.b_in, layer)),
        Affine(weights.W_out[layer].numpy(), _row(weights.b_out, layer)),
        _ACTIVATIONS[network.architecture.activation] if gated is None else "silu",
        _norm(network, weights.mlp_gain, layer),
        None if gated is None else Affine(gated[layer].numpy()),
    )


def _norm(network: TrainedNetwork, gain: Tensor | None, layer: int | None = None) -> Norm | None:
    shape = network.architecture
    if not shape.norm:
        return None
    own = None if gain is None else gain.numpy() if layer is None else gain[layer].numpy()
    return Norm("rms" if shape.style == "llama" else "layernorm", EPS, own)


def _row(values: Tensor | None, layer: int) -> NDArray[np.float64] | None:
    return None if values is None else values[layer].numpy()


def trained_parts(network: TrainedNetwork) -> dict[str, list[list[Any]]]:
    """The expressions that live on each head and MLP, in the form of a compiled model's provenance."""
    heads: list[list[Any]] = []
    neurons: list[list[Any]] = []
    told = [(component, unit.expressions) for unit in network.correspondence.units for component in unit.components]
    told += [(spare.component, ()) for spare in network.correspondence.spares]
    for component, expressions in told:
        place = network.graph.locate(component)
        labels: tuple[str | None, ...] = expressions or (None,)
        role = "aggregate" if expressions else "spare"
        if place.kind == "head":
            heads.append([place.layer, place.head, labels[-1], role])
        elif place.kind == "mlp":
            neurons += [[place.layer, label, "compute" if label else "spare", 0] for label in labels]
    return {"heads": heads, "neurons": neurons, "directions": []}
