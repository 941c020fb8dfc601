"""A whole model, taken apart into pure functions."""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.graph import Graph
from mib.models.adapters.parts import Block, Context, Norm, Stream, causal_bias, normalise

Tokens = Int[Tensor, "batch position"]
Mask = Bool[Tensor, "batch position"]


class Rotary(Protocol):
    """Cosines and sines of rotary position embeddings, [batch, position, rotated], for given positions."""

    def __call__(self, positions: Int[Tensor, "batch position"]) -> tuple[Tensor, Tensor]:
        """Look the tables up."""
        ...


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A decoder (or a bidirectional encoder) as its parts. Nothing in it runs hooks or keeps state.

    Attributes:
        token_embedding: [vocabulary, d_model], already scaled where the model scales it (Gemma).
        position_embedding: [context, d_model], or None for rotary models.
        blocks: The layers.
        final_norm: The norm before the unembedding.
        W_U: [d_model, vocabulary]; b_U: [vocabulary] or None.
        causal: True if a position sees only itself and earlier ones.
        parallel: True if attention and MLP of a block read the same residual stream.
        window: Width of the sliding window of local layers.
        rotary: Rotary position embeddings.
        soft_cap: Logits s become ``cap * tanh(s / cap)`` (Gemma 2).
        unread: So many positions at the beginning have no logits, but NaN: nobody reads them, and an unembedding
            costs as much as several layers of a small model.
    """

    token_embedding: Float[Tensor, "vocabulary d_model"]
    position_embedding: Float[Tensor, "context d_model"] | None
    blocks: tuple[Block, ...]
    final_norm: Norm | None
    W_U: Float[Tensor, "d_model output"]
    b_U: Float[Tensor, "output"] | None = None
    causal: bool = True
    parallel: bool = False
    window: int | None = None
    rotary: Rotary | None = None
    soft_cap: float | None = None
    unread: int = 0

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def n_heads(self) -> int:
        """Query heads a block."""
        return self.blocks[0].attention.W_Q.shape[0] if self.blocks else 1

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.token_embedding.shape[1]

    @property
    def n_vocabulary(self) -> int:
        """Number of tokens that can be put in."""
        return self.token_embedding.shape[0]

    @property
    def max_positions(self) -> int | None:
        """The longest input, where position embeddings set one."""
        return None if self.position_embedding is None else self.position_embedding.shape[0]

    def graph(self, *, pos: bool = False) -> Graph:
        """The nodes and edges of this model, ``pos`` as a source of its own if asked for."""
        return Graph(self.n_layers, self.n_heads, self.d_model, parallel=self.parallel, pos=pos)

    def embed(self, tokens: Tokens) -> Stream:
        """Give what the token embedding writes."""
        return self.token_embedding[tokens]

    def positions(self, tokens: Tokens, mask: Mask | None = None) -> Int[Tensor, "#batch position"]:
        """Position indices; padding on the left shifts them, as in generation."""
        n = tokens.shape[1]
        if mask is None:
            return torch.arange(n, device=tokens.device)[None]
        return (mask.long().cumsum(1) - 1).clamp(min=0)

    def position(self, tokens: Tokens, mask: Mask | None = None) -> Float[Tensor, "#batch position d_model"]:
        """Give what the position embedding writes, [batch | 1, position, d_model]; zeros for rotary models."""
        if self.position_embedding is None:
            shape = (1, tokens.shape[1], self.d_model)
            return torch.zeros(shape, dtype=self.token_embedding.dtype, device=self.token_embedding.device)
        return self.position_embedding[self.positions(tokens, mask)]

    def context(self, tokens: Tokens, mask: Mask | None = None) -> Context:
        """Give what the attention of these inputs needs besides activations."""
        n, like = tokens.shape[1], self.token_embedding
        bias = causal_bias(n, causal=self.causal, window=None, mask=mask, like=like)
        local = None
        if self.window is not None:
            local = causal_bias(n, causal=self.causal, window=self.window, mask=mask, like=like)
        rotary = None
        if self.rotary is not None:
            cos, sin = self.rotary(self.positions(tokens, mask))
            rotary = (cos[:, None].to(like.dtype), sin[:, None].to(like.dtype))
        return Context(bias, local, rotary)

    def unembed(self, stream: Stream) -> Float[Tensor, "batch position output"]:
        """Logits from the final residual stream; NaN at positions that are not read."""
        logits = normalise(self.final_norm, stream[:, self.unread :]) @ self.W_U
        if self.b_U is not None:
            logits = logits + self.b_U
        if self.soft_cap is not None:
            logits = self.soft_cap * torch.tanh(logits / self.soft_cap)
        return F.pad(logits, (0, 0, self.unread, 0), value=torch.nan) if self.unread else logits

    def layer(self, index: int, stream: Stream, context: Context) -> Stream:
        """The residual stream after a block."""
        block = self.blocks[index]
        attended = stream + block.attention(stream, context)
        return attended + block.mlp(stream if self.parallel else attended)

    def logits(self, tokens: Tokens, mask: Mask | None = None) -> Float[Tensor, "batch position output"]:
        """The plain forward pass."""
        context = self.context(tokens, mask)
        stream = self.embed(tokens) + self.position(tokens, mask)
        for index in range(self.n_layers):
            stream = self.layer(index, stream, context)
        return self.unembed(stream)
