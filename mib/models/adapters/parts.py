"""The parts of a transformer as pure functions of tensors, in one layout: [batch, head, position, d_model].

Every part takes what reaches it from the residual stream *before* its layer norm, so that the inputs of a component
can differ from head to head, as they do in a circuit. A head axis of size one means that all heads share an input.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

PerHead = Float[Tensor, "batch head position d_head"]
PerKey = Float[Tensor, "batch head key d_head"]
Values = Float[Tensor, "batch head key width"]
Mixed = Float[Tensor, "batch head position width"]
Inputs = Float[Tensor, "batch #head position d_model"]
Stream = Float[Tensor, "batch position d_model"]


@dataclass(frozen=True, eq=False)
class Norm:
    """Layer norm or root-mean-square norm over the last axis.

    Attributes:
        kind: ``layer`` subtracts the mean and divides by the standard deviation; ``rms`` only divides.
        weight: [d_model], or None for all ones. (Gemma's ``1 + weight`` is already added up.)
        bias: [d_model], or None.
        eps: Added to the variance.
    """

    kind: Literal["layer", "rms"]
    weight: Float[Tensor, "d_model"] | None
    bias: Float[Tensor, "d_model"] | None
    eps: float

    def __call__(self, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
        """The normalised input."""
        if self.kind == "layer":
            return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
        normalised = F.rms_norm(x, x.shape[-1:], self.weight, self.eps)
        return normalised if self.bias is None else normalised + self.bias

    def factor(self, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
        """Give what a root-mean-square norm multiplies its input by: linear once this factor is fixed."""
        factor = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return factor.expand_as(x) if self.weight is None else factor * self.weight


def normalise(norm: Norm | None, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
    """Apply a norm where there is one."""
    return x if norm is None else norm(x)


def fold_norm(norm: Norm | None, weight: Float[Tensor, "d_model d_read"]) -> Float[Tensor, "d_model d_read"]:
    """A linear map together with the norm before it but for the norm's scale, which depends on the input; float64."""
    weight = weight.double()
    if norm is None:
        return weight
    if norm.weight is not None:
        weight = norm.weight.double()[:, None] * weight
    return weight - weight.mean(0, keepdim=True) if norm.kind == "layer" else weight


@dataclass(frozen=True, eq=False)
class Context:
    """What a batch's attention needs besides its activations.

    Attributes:
        bias: Added to the attention scores, [batch | 1, 1, query, key]; None where every position sees every other.
        local_bias: The same for layers with a sliding window.
        rotary: Cosines and sines, each [batch | 1, 1, position, rotated]; None without rotary embeddings.
    """

    bias: Float[Tensor, "batch 1 query key"] | None
    local_bias: Float[Tensor, "batch 1 query key"] | None = None
    rotary: tuple[Tensor, Tensor] | None = None

    def rows(self, index: Tensor) -> "Context":
        """The context of some examples of the batch (axes of size one are shared)."""

        def pick(x: Tensor | None) -> Tensor | None:
            return x if x is None or x.shape[0] == 1 else x[index]

        rotary = self.rotary and (pick(self.rotary[0]), pick(self.rotary[1]))
        return Context(pick(self.bias), pick(self.local_bias), rotary)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, eq=False)
class Attention:
    """One layer's attention, a head at a time; keys and values of grouped queries are repeated per query head.

    Attributes:
        norm: The layer norm before it.
        W_Q, W_K, W_V: [head, d_model, d_head]; b_Q, b_K, b_V: [head, d_head] or None.
        W_O: [head, d_head, d_model]; b_O: [d_model] or None, which no head owns.
        scale: Attention scores are divided by it.
        soft_cap: Scores s become ``cap * tanh(s / cap)`` (Gemma 2).
        local: True if the layer sees a sliding window only.
        post: The norm between the sum of the heads and the residual stream (Gemma 2).
        qk_norms: Norms of each head's query and key, over d_head (Qwen 3, Gemma 3).
    """

    norm: Norm | None
    W_Q: Float[Tensor, "head d_model d_head"]
    W_K: Float[Tensor, "head d_model d_head"]
    W_V: Float[Tensor, "head d_model d_head"]
    W_O: Float[Tensor, "head d_head d_model"]
    b_Q: Float[Tensor, "head d_head"] | None = None
    b_K: Float[Tensor, "head d_head"] | None = None
    b_V: Float[Tensor, "head d_head"] | None = None
    b_O: Float[Tensor, "d_model"] | None = None
    scale: float = 1.0
    soft_cap: float | None = None
    local: bool = False
    post: Norm | None = None
    qk_norms: tuple[Norm, Norm] | None = None

    def queries(self, x: Inputs, context: Context, head: int | None = None) -> PerHead:
        """Queries of all heads, or of one, from what their q inputs read."""
        queries = self._project(x, self.W_Q, self.b_Q, head)
        return _rotate(self.qk_norms[0](queries) if self.qk_norms else queries, context.rotary)

    def keys(self, x: Inputs, context: Context, head: int | None = None) -> PerHead:
        """Keys of all heads, or of one, from what their k inputs read."""
        keys = self._project(x, self.W_K, self.b_K, head)
        return _rotate(self.qk_norms[1](keys) if self.qk_norms else keys, context.rotary)

    def values(self, x: Inputs, head: int | None = None) -> PerHead:
        """Values of all heads, or of one, from what their v inputs read."""
        return self._project(x, self.W_V, self.b_V, head)

    def _project(self, x: Inputs, weight: Tensor, bias: Tensor | None, head: int | None) -> PerHead:
        # Expanded to the heads, they read the same values: only their gradients differ, and no product is taken twice.
        if x.shape[1] > 1 and x.stride(1) == 0:
            projected = _SharedProjection.apply(normalise_shared(self.norm, x), weight)
            return projected if bias is None else projected + bias[:, None, :]
        return _project(normalise(self.norm, x), weight, bias, head)

    def mix(self, queries: PerHead, keys: PerKey, values: Values, context: Context) -> Mixed:
        """Each head's values, averaged by its attention pattern; there may be fewer queries than keys."""
        bias = context.local_bias if self.local else context.bias
        scores = torch.matmul(queries / self.scale, keys.transpose(-1, -2))
        if self.soft_cap is not None:
            scores = self.soft_cap * torch.tanh(scores / self.soft_cap)
        if bias is not None:
            scores = scores + bias
        return torch.matmul(self.pattern(scores), values)

    def mix_reads(self, x: Float[Tensor, "batch read position d_model"], context: Context) -> PerHead:
        """Each head's values, mixed, from what the q inputs of all heads read, then the k inputs, then the v inputs.

        A read axis of size one means that all of them share an input.
        """
        q, k, v = (x, x, x) if x.shape[1] == 1 else x.chunk(3, dim=1)
        return self.mix(self.queries(q, context), self.keys(k, context), self.values(v), context)

    def mix_stream(self, x: Stream, context: Context) -> PerHead:
        """Each head's values, mixed, where all heads read one residual stream."""
        return self.mix_reads(x[:, None], context)

    def pattern(self, scores: Float[Tensor, "batch head position key"]) -> Float[Tensor, "batch head position key"]:
        """The share of each key, from scores in which no future and no padding is left."""
        return torch.softmax(scores, dim=-1)

    def write(self, mixed: PerHead, head: int | None = None) -> Inputs:
        """Give what each head writes before the post norm, without the bias that no head owns."""
        return torch.matmul(mixed, self.W_O if head is None else self.W_O[head : head + 1])

    def share(self, written: Inputs) -> Inputs:
        """Give what each head adds to the residual stream: its share of the post-normed sum of all heads."""
        return written if self.post is None else written * self.post.factor(written.sum(1, keepdim=True))

    def total(self, mixed: PerHead) -> Stream:
        """Give what all heads together add to the residual stream, with the bias."""
        return self.finish(self.sum_heads(mixed))

    def sum_heads(self, mixed: PerHead) -> Stream:
        """The sum of what the heads write, before bias and post norm."""
        return mixed.transpose(1, 2).flatten(2) @ self.W_O.flatten(0, 1)

    def finish(self, summed: Stream) -> Stream:
        """From the sum of what the heads write to what the layer adds to the residual stream."""
        return normalise(self.post, summed if self.b_O is None else summed + self.b_O)

    def __call__(self, x: Stream, context: Context) -> Stream:
        """The whole layer's attention on one residual stream."""
        return self.total(self.mix_stream(x, context))


@dataclass(frozen=True, eq=False)
class Mlp:
    """One layer's MLP, gated or not.

    Attributes:
        norm: The layer norm before it.
        act: The activation function.
        W_in: [d_model, d_mlp]; W_out: [d_mlp, d_model]; biases or None.
        W_gate: [d_model, d_mlp]: the activation is of ``x @ W_gate`` and multiplies ``x @ W_in``.
        post: The norm after it (Gemma 2).
    """

    norm: Norm | None
    act: Callable[[Tensor], Tensor]
    W_in: Float[Tensor, "d_model d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_in: Float[Tensor, "d_mlp"] | None = None
    b_out: Float[Tensor, "d_model"] | None = None
    W_gate: Float[Tensor, "d_model d_mlp"] | None = None
    b_gate: Float[Tensor, "d_mlp"] | None = None
    post: Norm | None = None

    def __call__(self, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
        """Give what the MLP adds to the residual stream."""
        x = normalise(self.norm, x)
        hidden = _affine(x, self.W_in, self.b_in)
        gate = hidden if self.W_gate is None else _affine(x, self.W_gate, self.b_gate)
        hidden = self.act(gate) if self.W_gate is None else self.act(gate) * hidden
        return normalise(self.post, _affine(hidden, self.W_out, self.b_out))


@dataclass(frozen=True, eq=False)
class Block:
    """One layer: attention, then an MLP."""

    attention: Attention
    mlp: Mlp


def causal_bias(
    n: int, *, causal: bool, window: int | None, mask: Bool[Tensor, "batch position"] | None, like: Tensor
) -> Float[Tensor, "batch 1 query key"] | None:
    """Give what is added to attention scores so that no position sees the future, padding, or beyond its window.

    Args:
        n: Number of positions.
        causal: True if a position sees only itself and earlier ones.
        window: Number of positions that it sees, itself included; None for all.
        mask: True for real tokens, False for padding.
        like: A tensor of the dtype and device wanted.
    """
    if not causal and mask is None and window is None:
        return None
    index = torch.arange(n, device=like.device)
    distance = index[:, None] - index[None, :]
    seen = torch.ones(n, n, dtype=torch.bool, device=like.device)
    if causal:
        seen &= distance >= 0
    if window is not None:
        seen &= distance < window
    seen = seen[None, None]
    if mask is not None:
        itself = torch.eye(n, dtype=torch.bool, device=like.device)
        seen = seen & (mask[:, None, None, :] | itself)
    bias = torch.zeros(seen.shape, dtype=like.dtype, device=like.device)
    return bias.masked_fill(~seen, -math.inf)


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x @ weight if bias is None else F.linear(x, weight.T, bias)


def _project(x: Inputs, weight: Tensor, bias: Tensor | None, head: int | None) -> PerHead:
    """[batch, head | 1, position, d_model] through each head's [d_model, d_head]."""
    if head is not None:
        weight, bias = weight[head : head + 1], None if bias is None else bias[head : head + 1]
    if x.shape[1] == 1:  # one input for all heads: one matrix product
        n_heads, d_model, d_head = weight.shape
        flat = x[:, 0] @ weight.transpose(0, 1).reshape(d_model, n_heads * d_head)
        projected = flat.unflatten(-1, (n_heads, d_head)).transpose(1, 2)
    else:
        projected = torch.matmul(x, weight)
    return projected if bias is None else projected + bias[:, None, :]


def normalise_shared(norm: Norm | None, x: Inputs) -> Inputs:
    """Normalise inputs of all heads that are the same: a layer norm once, others once a head."""
    # A subclass has a backward pass of its own.
    if type(norm) is Norm and norm.kind == "layer":
        return _SharedLayerNorm.apply(x, norm.weight, norm.bias, norm.eps)  # pyright: ignore[reportReturnType]
    return normalise(norm, x)


class _SharedLayerNorm(torch.autograd.Function):
    """One layer norm for inputs of all heads that are the same, to the bit, with a gradient for each head's own."""

    @staticmethod
    def forward(ctx: Any, x: Inputs, weight: Tensor | None, bias: Tensor | None, eps: float) -> Inputs:
        one, mean, scale = torch.native_layer_norm(x[:, :1], x.shape[-1:], weight, bias, eps)
        ctx.save_for_backward(x, mean, scale, weight, bias)
        return one.expand_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Inputs, None, None, None]:
        x, mean, scale, weight, bias = ctx.saved_tensors
        # The kernel reads one mean and one scale a row, laid out one after the other.
        mean, scale = (y.expand(*x.shape[:-1], 1).contiguous() for y in (mean, scale))
        gradient, *_ = torch.ops.aten.native_layer_norm_backward(
            gradients[0], x, x.shape[-1:], mean, scale, weight, bias, [True, False, False]
        )
        return gradient, None, None, None


class _SharedProjection(torch.autograd.Function):
    """One product for inputs of all heads that are the same, to the bit, with a gradient for each head's own input."""

    @staticmethod
    def forward(ctx: Any, x: Inputs, weight: Tensor) -> PerHead:
        ctx.save_for_backward(weight)
        return _project(x[:, :1], weight, None, None)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Inputs, None]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        return torch.matmul(gradient, weight.mT), None


def _rotate(x: PerHead, rotary: tuple[Tensor, Tensor] | None) -> PerHead:
    """Rotary position embedding in the half-split layout of Hugging Face (Su et al. 2021, arXiv 2104.09864)."""
    if rotary is None:
        return x
    cos, sin = rotary
    width = cos.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat((-second, first), dim=-1) * sin
    return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned
