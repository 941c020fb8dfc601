"""How often a model is right while it is trained."""

import torch
from torch import nn

from mib.learned.training_prompts import Prompts, answer_logits

CHUNK = 512
"""Prompts that are run at once."""


@torch.no_grad()
def share_right(model: nn.Module, prompts: Prompts) -> float:
    """The share of prompts after which the likeliest word of the whole vocabulary is a right answer."""
    right = 0
    for indices in torch.arange(len(prompts)).split(CHUNK):
        chunk = prompts.take(indices)
        best = answer_logits(model, chunk).argmax(-1)
        right += int(chunk.accepted.gather(1, best[:, None]).sum())
    return right / len(prompts)
