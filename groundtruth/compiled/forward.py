"""The forward pass of a compiled model as plain functions on its weights: what proofs and decoding run on.

The module with TransformerLens hooks is ``groundtruth.compiled.torch_module.CompiledTransformer``; a test holds both
equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from mib.sublayers import block_sublayers, split_sublayer

NAMES = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U")


@dataclass(frozen=True, eq=False)
class Weights:
    """All weights of a compiled model; there are no biases and no layer norm.

    Attributes:
        W_E: Token embedding [token, d_model].
        W_pos: Position embedding [position, d_model]; row 0 (BOS) is zero.
        W_Q: [layer, head, d_model, d_head], as are ``W_K`` and ``W_V``.
        W_K: See ``W_Q``.
        W_V: See ``W_Q``.
        W_O: [layer, head, d_head, d_model].
        W_in: [layer, d_model, d_mlp].
        W_out: [layer, d_mlp, d_model].
        W_U: [d_model, output].
        causal: True if a position sees only itself and the past.
    """

    W_E: Tensor
    W_pos: Tensor
    W_Q: Tensor
    W_K: Tensor
    W_V: Tensor
    W_O: Tensor
    W_in: Tensor
    W_out: Tensor
    W_U: Tensor
    causal: bool

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]], *, causal: bool) -> "Weights":
        """Wrap arrays by name."""
        return cls(**{name: torch.from_numpy(arrays[name]) for name in NAMES}, causal=causal)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The arrays by name."""
        return {name: getattr(self, name).numpy() for name in NAMES}

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return self.W_Q.shape[0]

    @property
    def n_heads(self) -> int:
        """Heads a block."""
        return self.W_Q.shape[1]

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.W_E.shape[1]

    @property
    def d_head(self) -> int:
        """Size of a head."""
        return self.W_Q.shape[3]

    @property
    def d_mlp(self) -> int:
        """Neurons a block."""
        return self.W_in.shape[2]

    @cached_property
    def busy_heads(self) -> tuple[tuple[int, ...], ...]:
        """In each block, the heads that can write something; the others are padding to the widest block."""
        # Exact zeros: a head that writes anything at all, however little, is busy.
        writes = (self.W_V.abs().amax((2, 3)) > 0) & (self.W_O.abs().amax((2, 3)) > 0)
        return tuple(tuple(h for h in range(self.n_heads) if bool(row[h])) for row in writes)

    @property
    def attn_scale(self) -> float:
        """Divisor of attention scores."""
        return float(np.sqrt(self.d_head))


@dataclass(frozen=True, eq=False)
class States:
    """What every source of a forward pass writes, and what comes out.

    Attributes:
        embed: Token embedding [batch, position, d_model].
        pos: Position embedding [position, d_model].
        heads: Result of every head [layer, batch, position, head, d_model].
        mlps: Output of every MLP [layer, batch, position, d_model].
        residual: The last residual stream [batch, position, d_model].
        logits: [batch, position, output].
    """

    embed: Tensor
    pos: Tensor
    heads: Tensor
    mlps: Tensor
    residual: Tensor
    logits: Tensor


def attend(
    weights: Weights,
    layer: int,
    head: int,
    query_in: Float[Tensor, "*batch position d_model"],
    key_in: Float[Tensor, "*batch position d_model"],
    value_in: Float[Tensor, "*batch position d_model"],
) -> Float[Tensor, "*batch position d_model"]:
    """The result of one head on its three inputs."""
    query = query_in @ weights.W_Q[layer, head]
    key = key_in @ weights.W_K[layer, head]
    value = value_in @ weights.W_V[layer, head]
    return mix(weights, query, key, value) @ weights.W_O[layer, head]


def mix(weights: Weights, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of projected queries, keys and values [..., position, d_head]."""
    scores = query @ key.transpose(-1, -2) / weights.attn_scale
    if weights.causal:
        # PAD is not masked, here as in Tracr: whether that matters is what `pad_safe` says.
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(future, -torch.inf)
    return scores.softmax(-1) @ value


def feed_forward(
    weights: Weights, layer: int, residual: Float[Tensor, "*batch d_model"]
) -> Float[Tensor, "*batch d_model"]:
    """The output of one MLP."""
    return (residual @ weights.W_in[layer]).relu() @ weights.W_out[layer]


def forward(weights: Weights, tokens: Int[Tensor, "batch position"]) -> States:
    """Run the whole model.

    Args:
        weights: Its weights.
        tokens: Token ids, BOS first.
    """
    embed = weights.W_E[tokens]
    pos = weights.W_pos[: tokens.shape[1]]
    residual = embed + pos
    heads: list[Tensor] = []
    mlps: list[Tensor] = []
    for layer in range(weights.n_layers):
        # All heads of a block read the stream before it: none may see what another has just written.
        results = [attend(weights, layer, h, residual, residual, residual) for h in range(weights.n_heads)]
        heads.append(torch.stack(results, dim=2))
        residual = residual + heads[-1].sum(2)
        mlps.append(feed_forward(weights, layer, residual))
        residual = residual + mlps[-1]
    none = embed.new_zeros((0, *embed.shape[:2], weights.n_heads, weights.d_model))
    return States(
        embed=embed,
        pos=pos,
        heads=torch.stack(heads) if heads else none,
        mlps=torch.stack(mlps) if mlps else none[:, :, :, 0],
        residual=residual,
        logits=residual @ weights.W_U,
    )


def logits(weights: Weights, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, "batch position output"]:
    """The output alone: what ``forward`` gives, without computing the heads and neurons of zeros that pad a layer.

    Args:
        weights: Its weights.
        tokens: Token ids, BOS first.
    """
    residual = weights.W_E[tokens] + weights.W_pos[: tokens.shape[1]]
    for layer in range(weights.n_layers):
        results = [attend(weights, layer, h, residual, residual, residual) for h in weights.busy_heads[layer]]
        residual = sum(results, start=residual)
        # Without biases a neuron that reads nothing gives relu(0) = 0.
        neurons = weights.W_in[layer].any(0)
        hidden = (residual @ weights.W_in[layer][:, neurons]).relu()
        residual = residual + hidden @ weights.W_out[layer][neurons]
    return residual @ weights.W_U


def logits_from(weights: Weights, sublayer: int, residual: Float[Tensor, "batch position d_model"]) -> Tensor:
    """The output [batch, position, output] that follows from a residual stream in the middle.

    Args:
        weights: The model.
        sublayer: The sublayer that reads the stream, by its number in ``mib.sublayers``.
        residual: The stream.
    """
    for current in block_sublayers(weights.n_layers, start=sublayer):
        layer, is_mlp = split_sublayer(current)
        if is_mlp:
            residual = residual + feed_forward(weights, layer, residual)
        else:
            heads = [attend(weights, layer, h, residual, residual, residual) for h in weights.busy_heads[layer]]
            residual = residual + torch.stack(heads).sum(0) if heads else residual
    return residual @ weights.W_U
