"""The forward pass of a trained transformer as plain functions, in which single edges can be cut.

What a destination reads is the residual stream before its norm. A cut edge puts a donor's value there in place of the
source's own, as ``mib``'s engine does; so the norm of a destination sees what was put there. The certificate and
training run on this; ``trained_transformer.TrainedTransformer`` is the same as a module, and a test holds both equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_weights import TrainedWeights

EPS = 1e-5
"""Added to the variance in every norm."""

ROTARY_BASE = 10_000.0

Stream = Float[Tensor, "row position d_model"]
Sources = Float[Tensor, "source row position d_model"]
PerRead = Float[Tensor, "row #read position d_model"]


@dataclass(frozen=True, eq=False)
class Cut:
    """Which edges are cut in each row, and what they carry instead.

    Attributes:
        donors: Outputs of each source in the runs that cut edges take their values from [source, row, position,
            d_model].
        mask: 1 where an edge is cut, 0 elsewhere [row or 1, source, destination], in the order of the graph.
        swap: Sources that are replaced for all that read them: as if all their edges were cut, at less cost.
        still: Edges over which no gradient flows back, in training [source, destination]; values are as ever.
    """

    donors: Float[Tensor, "source row position d_model"]
    mask: Float[Tensor, "#row source destination"] | None = None
    swap: Bool[Tensor, "row source"] | None = None
    still: Bool[Tensor, "source destination"] | None = None


@dataclass(frozen=True, eq=False)
class Outputs:
    """What every source writes, and what comes out.

    Attributes:
        sources: In the order of the graph [source, row, position, d_model].
        logits: [row, position, output].
    """

    sources: Float[Tensor, "source row position d_model"]
    logits: Float[Tensor, "row position output"]


def normalise(shape: Architecture, stream: Tensor, gain: Tensor | None) -> Tensor:
    """Return what a destination makes of the residual stream before it multiplies it by its matrix."""
    if not shape.norm:
        return stream
    if shape.style == "llama":
        return F.rms_norm(stream, stream.shape[-1:], gain, EPS)
    return F.layer_norm(stream, stream.shape[-1:], gain, None, EPS)


def rotate(shape: Architecture, vectors: Float[Tensor, "*axes position d_head"]) -> Tensor:
    """Queries or keys turned by their positions, in Hugging Face's layout (Su et al. 2021, arXiv 2104.09864)."""
    if not shape.rotary:
        return vectors
    cos, sin = rotary_tables(shape, vectors.shape[-2], like=vectors)
    first, second = vectors.chunk(2, dim=-1)
    return vectors * cos + torch.cat((-second, first), dim=-1) * sin


def rotary_tables(shape: Architecture, n_positions: int, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines [position, d_head] of rotary positions."""
    # In float64 and rounded once: float32's own powers and angles would be further off.
    exponents = torch.arange(0, shape.d_head, 2, dtype=torch.float64) / shape.d_head
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] * ROTARY_BASE**-exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(like), angles.sin().to(like)


def head_matrix(
    shape: Architecture, weights: TrainedWeights, layer: int, letter: str, head: int
) -> Float[Tensor, "d_model d_head"]:
    """The matrix that makes queries, keys or values of one head; heads of a group share those of keys and values."""
    shared = head * shape.kv_heads // shape.n_heads
    match letter:
        case "q":
            return weights.W_Q[layer, head]
        case "k":
            return weights.W_K[layer, shared]
        case _:
            return weights.W_V[layer, shared]


def head_bias(
    shape: Architecture, weights: TrainedWeights, layer: int, letter: str, head: int
) -> Float[Tensor, "d_head"] | None:
    """The bias of one head's queries, keys or values, where there are biases; shared like its matrix."""
    biases = {"q": weights.b_Q, "k": weights.b_K, "v": weights.b_V}[letter]
    shared = head if letter == "q" else head * shape.kv_heads // shape.n_heads
    return None if biases is None else biases[layer, shared]


def project(
    shape: Architecture, weights: TrainedWeights, layer: int, read: PerRead
) -> list[Float[Tensor, "row head position d_head"]]:
    """Queries, keys and values of all heads, from what each reads; in one product, for many small ones take longer.

    Args:
        shape: The architecture.
        weights: Its weights.
        layer: Number of the block.
        read: The residual stream before the norm: one for all, or one for each query, then key, then value.
    """
    group = shape.n_heads // shape.kv_heads
    keys, values = (matrix[layer].repeat_interleave(group, 0) for matrix in (weights.W_K, weights.W_V))
    matrix = torch.cat([weights.W_Q[layer], keys, values])
    gain = None if weights.attn_gain is None else weights.attn_gain[layer]
    normed = normalise(shape, read, gain)
    # Nothing is cut, so all heads read one stream and one product of matrices makes all their vectors.
    if read.shape[1] == 1:
        flat = normed[:, 0] @ matrix.transpose(0, 1).flatten(1)
        projected = flat.unflatten(-1, (len(matrix), shape.d_head)).transpose(1, 2)
    else:
        projected = torch.einsum("rhpd,hdk->rhpk", normed, matrix)
    if weights.b_Q is not None and weights.b_K is not None and weights.b_V is not None:
        shared = [bias[layer].repeat_interleave(group, 0) for bias in (weights.b_K, weights.b_V)]
        projected = projected + torch.cat([weights.b_Q[layer], *shared])[:, None]
    queries, keys, values = projected.chunk(3, dim=1)
    return [rotate(shape, queries), rotate(shape, keys), values]


def attention_pattern(shape: Architecture, queries: Tensor, keys: Tensor) -> Tensor:
    """Measure how much each query attends to each key [..., query, key]."""
    return attention_scores(shape, queries, keys).softmax(-1)


def attention_scores(shape: Architecture, queries: Tensor, keys: Tensor) -> Tensor:
    """Attention scores [..., query, key]; minus infinity at what a query does not see."""
    scores = queries @ keys.transpose(-1, -2) / shape.d_head**0.5
    if shape.causal:
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(future, -torch.inf)
    return scores


def feed_forward(shape: Architecture, weights: TrainedWeights, layer: int, read: Tensor) -> Tensor:
    """Return what an MLP writes, from the residual stream before its norm [..., d_model]."""
    gain = None if weights.mlp_gain is None else weights.mlp_gain[layer]
    normed = normalise(shape, read, gain)
    hidden = normed @ weights.W_in[layer]
    if weights.W_gate is not None:
        return (F.silu(normed @ weights.W_gate[layer]) * hidden) @ weights.W_out[layer]
    if weights.b_in is None or weights.b_out is None:
        return activate(shape, hidden) @ weights.W_out[layer]
    return activate(shape, hidden + weights.b_in[layer]) @ weights.W_out[layer] + weights.b_out[layer]


def activate(shape: Architecture, hidden: Tensor) -> Tensor:
    """The nonlinearity of an MLP without a gate."""
    if shape.activation == "relu":
        return F.relu(hidden)
    return F.gelu(hidden, approximate="tanh" if shape.activation == "gelu_new" else "none")


def unembed(shape: Architecture, weights: TrainedWeights, read: Tensor) -> Tensor:
    """Logits from the last residual stream before its norm."""
    logits = normalise(shape, read, weights.final_gain) @ weights.W_U
    return logits if weights.b_U is None else logits + weights.b_U


def embed(weights: TrainedWeights, ids: Int[Tensor, "row position"]) -> list[Stream]:
    """Return what the embeddings write: of tokens, and of positions where there are such."""
    tokens = weights.W_E[ids]
    return [tokens] if weights.W_pos is None else [tokens, weights.W_pos[: ids.shape[1]].expand_as(tokens)]


def forward(
    shape: Architecture, weights: TrainedWeights, ids: Int[Tensor, "row position"], cut: Cut | None = None
) -> Outputs:
    """Run the whole model, with some edges cut.

    Args:
        shape: Its architecture.
        weights: Its weights, in any dtype.
        ids: Token ids, BOS first.
        cut: Edges that are cut in each row.
    """
    # What each source wrote is kept apart from the stream, their sum: a cut edge takes one source out of it.
    blocks = [_swapped(torch.stack(embed(weights, ids)), 0, cut)]
    stream, heads, column = blocks[0].sum(0), shape.n_heads, 0
    for layer in range(shape.n_layers):
        read = _read(stream, blocks, cut, column, 3 * heads)
        queries, keys, values = project(shape, weights, layer, read)
        mixed = attention_pattern(shape, queries, keys) @ values
        results = torch.einsum("rhpk,hkd->hrpd", mixed, weights.W_O[layer])
        blocks.append(_swapped(results, sum(map(len, blocks)), cut))
        stream = stream + blocks[-1].sum(0)
        mlp = feed_forward(shape, weights, layer, _read(stream, blocks, cut, column + 3 * heads, 1)[:, 0])
        blocks.append(_swapped(mlp[None], sum(map(len, blocks)), cut))
        stream = stream + blocks[-1][0]
        column += 3 * heads + 1
    logits = unembed(shape, weights, _read(stream, blocks, cut, column, 1)[:, 0])
    return Outputs(torch.cat(blocks), logits)


def _swapped(own: Sources, first: int, cut: Cut | None) -> Sources:
    """Return what some sources write, with the donors' values in the rows in which they are replaced."""
    if cut is None or cut.swap is None:
        return own
    replaced = cut.swap[:, first : first + len(own)]
    # A block in which nothing is replaced is spared a copy.
    if not bool(replaced.any()):
        return own
    return torch.where(replaced.T[..., None, None], cut.donors[first : first + len(own)], own)


def _read(stream: Stream, blocks: list[Sources], cut: Cut | None, column: int, n: int) -> PerRead:
    """Put side by side what some destinations read: the stream, with each cut source's donor in place of its own."""
    if cut is not None and cut.still is not None:
        stream = _without_gradients(stream, blocks, cut.still[:, column : column + n])
    if cut is None or cut.mask is None:
        return stream[:, None]
    written = torch.cat(blocks)
    mask = cut.mask[:, : len(written), column : column + n]
    change = cut.donors[: len(written)] - written
    # One mask for all rows: they share one product, in place of one for each row.
    if mask.shape[0] == 1:
        return stream[:, None] + torch.einsum("sh,srpd->rhpd", mask[0], change)
    return stream[:, None] + torch.einsum("rsh,srpd->rhpd", mask, change)


def _without_gradients(stream: Stream, blocks: list[Sources], still: Bool[Tensor, "every_source read"]) -> Stream:
    """The same stream, with no gradient to the sources that are still for one of its readers."""
    written = [source for block in blocks for source in block]
    for source, held in zip(written, still.any(1).tolist(), strict=False):  # later sources are not written yet
        if held:
            # Zero in value, so that the run is the same; its gradient takes away the source's own.
            stream = stream - (source - source.detach())
    return stream
