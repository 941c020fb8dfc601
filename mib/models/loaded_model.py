"""A language model that is ready for tasks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from mib.counted_nouns import layers_by_heads
from mib.models.adapters import Anatomy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A language model with its tokenizer. Tasks and the engine take it wherever they take a model.

    Attributes:
        model: The ``TransformerBridge``, with all hooks; called with token ids it gives logits.
        tokenizer: As the checkpoint has it, but that it pads on the left and always has a pad token.
        anatomy: The model's parts, which share its weights; taken apart once, for all tasks.
        name: The name that was asked for: a short name, a hub id or a folder.
        revision: The hub's commit that the weights are of; None for a local folder.
    """

    model: nn.Module
    tokenizer: "PreTrainedTokenizerBase"
    anatomy: Anatomy
    name: str
    revision: str | None = None

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.anatomy.token_embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.anatomy.token_embedding.dtype

    def __repr__(self) -> str:
        """Short: a model's own would fill screens."""
        sizes = f"{layers_by_heads(self.anatomy.n_layers, self.anatomy.n_heads)}, d_model {self.anatomy.d_model}"
        return f"LoadedModel('{self.name}', {sizes}, {str(self.dtype).removeprefix('torch.')} on {self.device})"
