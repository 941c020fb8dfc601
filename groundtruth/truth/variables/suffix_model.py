"""What a model does from one sublayer on, without the dimensions, heads and neurons that change nothing there."""

import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights
from mib.sublayers import block_sublayers, reading_sublayers, split_sublayer


class Suffix:
    """A model from a sublayer on.

    Left out are residual dimensions that nothing reads any more, coordinates of heads that are zero on one side,
    and heads and neurons that read nothing or write nothing that is read later. What is left gives the same logits.

    Args:
        weights: Weights of the model.
        sublayer: Sublayer that it starts at, by its number in ``mib.sublayers``.

    Attributes:
        kept: True for the residual dimensions that are read [d_model].
    """

    def __init__(self, weights: Weights, sublayer: int) -> None:
        self._scale, self._causal = weights.attn_scale, weights.causal
        read = [_read(weights, later) for later in reading_sublayers(weights.n_layers, start=sublayer)]
        # A dimension matters as long as anything from a sublayer on reads it.
        needed = [torch.stack(read[index:]).any(0) for index in range(len(read))]
        self.kept = needed[0]
        self._unembed = weights.W_U[self.kept]
        self._parts: list[list[tuple[Tensor, ...]]] = []
        for current, later in zip(block_sublayers(weights.n_layers, start=sublayer), needed[1:], strict=True):
            layer, is_mlp = split_sublayer(current)
            parts = _neurons if is_mlp else _heads
            self._parts.append(parts(weights, layer, self.kept, later))

    def logits(self, residual: Tensor) -> Tensor:
        """The logits [row, position, output] of residual streams in the dimensions kept [row, position, kept]."""
        stream = residual
        for parts in self._parts:
            for written in [self._head(stream, *part) if len(part) == 4 else _mlp(stream, *part) for part in parts]:
                stream = stream + written
        return stream @ self._unembed

    def _head(self, stream: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor) -> Tensor:
        scores = (stream @ w_q) @ (stream @ w_k).transpose(-1, -2) / self._scale
        if self._causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        return scores.softmax(-1) @ (stream @ w_v) @ w_o


def _mlp(stream: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
    return (stream @ w_in).relu_() @ w_out


def _read(weights: Weights, sublayer: int) -> Tensor:
    """Find which residual dimensions a sublayer reads [d_model]."""
    layer, is_mlp = split_sublayer(sublayer)
    if layer == weights.n_layers:
        return weights.W_U.any(1)
    if is_mlp:
        return weights.W_in[layer].any(1)
    return torch.stack([w[layer].any(2).any(0) for w in (weights.W_Q, weights.W_K, weights.W_V)]).any(0)


def _heads(weights: Weights, layer: int, kept: Tensor, later: Tensor) -> list[tuple[Tensor, ...]]:
    found: list[tuple[Tensor, ...]] = []
    for head in range(weights.n_heads):
        w_q, w_k = weights.W_Q[layer, head], weights.W_K[layer, head]
        w_v, w_o = weights.W_V[layer, head], weights.W_O[layer, head]
        # A score is a sum over coordinates, so that one that is zero on either side adds nothing; the scale of the
        # scores stays that of the whole head.
        matched, moved = w_q.any(0) & w_k.any(0), w_v.any(0) & w_o[:, later].any(1)
        if moved.any():
            found.append((w_q[kept][:, matched], w_k[kept][:, matched], w_v[kept][:, moved], w_o[moved][:, kept]))
    return found


def _neurons(weights: Weights, layer: int, kept: Tensor, later: Tensor) -> list[tuple[Tensor, ...]]:
    w_in, w_out = weights.W_in[layer], weights.W_out[layer]
    used = w_in.any(0) & w_out[:, later].any(1)
    return [(w_in[kept][:, used], w_out[used][:, kept])] if used.any() else []
