"""A TransformerLens state dict without norms as the weights of a trained network, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from groundtruth.errors import ArtifactError
from groundtruth.interpbench.lens_config import LensConfig
from groundtruth.trained.trained_weights import TrainedWeights

_BUFFERS = re.compile(r"blocks\.\d+\.attn\.(mask|IGNORE)")
"""The causal mask and the number put in its place, which follow from the configuration."""

_ATTENTION = ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O")
_MLP = ("W_in", "b_in", "W_out", "b_out")


def lens_shapes(config: LensConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a state dict, by name."""
    shape = config.architecture
    heads, d, k, m = shape.n_heads, shape.d_model, shape.d_head, shape.d_mlp
    block = {f"attn.W_{letter}": (heads, d, k) for letter in "QKV"} | {f"attn.b_{x}": (heads, k) for x in "QKV"}
    block |= {"attn.W_O": (heads, k, d), "attn.b_O": (d,)}
    block |= {"mlp.W_in": (d, m), "mlp.b_in": (m,), "mlp.W_out": (m, d), "mlp.b_out": (d,)}
    return {
        "embed.W_E": (config.n_tokens, d),
        "pos_embed.W_pos": (config.n_positions, d),
        "unembed.W_U": (d, config.n_outputs),
        "unembed.b_U": (config.n_outputs,),
        **{f"blocks.{layer}.{name}": size for layer in range(shape.n_layers) for name, size in block.items()},
    }


def weights_of_lens(state: Mapping[str, Tensor], config: LensConfig) -> TrainedWeights:
    """The float64 weights of a trained network that computes what a state dict does.

    An attention's output bias is written by no head. Without a norm it is, exactly, a constant in what every later
    destination reads, so it becomes part of their biases; no edge carries it then as before.

    Args:
        state: Tensors by TransformerLens's names; buffers are left out.
        config: The model's configuration.

    Raises:
        ArtifactError: Naming the first tensor that is missing, unknown, of another shape, or not finite.
    """
    there = {name: value.double() for name, value in state.items() if _BUFFERS.fullmatch(name) is None}
    shapes = lens_shapes(config)
    for name in [*shapes, *there]:
        found = tuple(there[name].shape) if name in there else None
        if found != shapes.get(name):
            raise ArtifactError(f"weight '{name}' has shape {found}; the configuration asks for {shapes.get(name)}.")
        if not bool(torch.isfinite(there[name]).all()):
            raise ArtifactError(f"weight '{name}' holds numbers that are not finite.")
    layers = range(config.architecture.n_layers)
    stacked = {n: torch.stack([there[f"blocks.{layer}.attn.{n}"] for layer in layers]) for n in _ATTENTION}
    stacked |= {n: torch.stack([there[f"blocks.{layer}.mlp.{n}"] for layer in layers]) for n in _MLP}
    # Every later block reads the sum of all biases before it.
    added = stacked.pop("b_O").cumsum(0)
    for letter in "QKV":
        into = torch.einsum("ld,lhdk->lhk", added[:-1], stacked[f"W_{letter}"][1:])
        stacked[f"b_{letter}"][1:] += into
    stacked["b_in"] = stacked["b_in"] + torch.einsum("ld,ldm->lm", added, stacked["W_in"])
    return TrainedWeights(
        **stacked,
        W_E=there["embed.W_E"],
        W_pos=there["pos_embed.W_pos"],
        W_U=there["unembed.W_U"],
        b_U=there["unembed.b_U"] + added[-1] @ there["unembed.W_U"],
    )


def lens_of_weights(weights: TrainedWeights) -> dict[str, Tensor]:
    """The float32 state dict of a network without norms, with output biases of attentions at 0."""
    named = weights.to(torch.float32).tensors
    state = {"embed.W_E": named["W_E"], "pos_embed.W_pos": named["W_pos"], "unembed.W_U": named["W_U"]}
    state["unembed.b_U"] = named["b_U"]
    for layer in range(weights.W_Q.shape[0]):
        for name in _ATTENTION:
            zeros = torch.zeros(weights.W_E.shape[1])
            state[f"blocks.{layer}.attn.{name}"] = named[name][layer] if name != "b_O" else zeros
        state |= {f"blocks.{layer}.mlp.{name}": named[name][layer] for name in _MLP}
    return {name: value.detach().clone() for name, value in state.items()}
