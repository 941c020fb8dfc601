"""Embedding, position embedding and unembedding as modules, which compiled and trained transformers share."""

import torch
from torch import Tensor, nn


class Embed(nn.Module):
    """The token embedding, as TransformerLens names it."""

    def __init__(self, w_e: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.W_E = own_parameter(w_e, dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        """The embedding of each token [batch, position, d_model]."""
        return self.W_E[tokens]


class PosEmbed(nn.Module):
    """The position embedding, as TransformerLens names it."""

    def __init__(self, w_pos: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.W_pos = own_parameter(w_pos, dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        """The embedding of each position [batch, position, d_model]."""
        # Cloned: an expanded tensor is one row of memory, and a hook that writes to one input would write to all.
        return self.W_pos[: tokens.shape[1]].expand(tokens.shape[0], -1, -1).clone()


class Unembed(nn.Module):
    """The unembedding, as TransformerLens names it."""

    def __init__(self, w_u: Tensor, dtype: torch.dtype, b_u: Tensor | None = None) -> None:
        super().__init__()
        self.W_U = own_parameter(w_u, dtype)
        self.b_U = None if b_u is None else own_parameter(b_u, dtype)

    def forward(self, residual: Tensor) -> Tensor:
        """The logits [batch, position, output]."""
        logits = residual @ self.W_U
        return logits if self.b_U is None else logits + self.b_U


def own_parameter(array: Tensor, dtype: torch.dtype) -> nn.Parameter:
    """A parameter of the module's own, which shares no memory with the weights."""
    return nn.Parameter(array.detach().to(dtype, copy=True))
