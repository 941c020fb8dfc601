"""Gradient interaction modifications: edge attribution patching with gradients that softmax and products do not hide.

The forward pass is the model's own; the backward pass is changed in three places:

- softmax: its Jacobian is taken at a higher temperature. Where one score rules, lowering it alone does little, because
  the others take over; at a higher temperature the gradient sees what they share;
- products: attention patterns and values get half of the gradient each, and queries and keys half of the patterns'
  half, so that a product of factors is counted once and not once a factor; of a gated MLP's two factors the same;
- layer norm, RMS norm: the scale is a constant.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import EdgeScores
from mib.hyperparameters import Rate
from mib.localization.edge_estimates import edge_estimates
from mib.localization.frozen_parts import scaled_gradient, with_frozen_norms
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Context, Mixed, PerHead, PerKey, Values


@localizer("gim", cost="2F+1B", source="Edin et al. 2025, arXiv 2505.17630, as in its code", needs_gradient=True)
def gim(task: LocalizationTask, *, temperature: Rate = 2.0) -> EdgeScores:
    """First-order estimate of each cut, with modified gradients.

    Args:
        task: Task of the circuit to score.
        temperature: Temperature of the softmax whose Jacobian is taken; 1 is the model's own.
    """
    scores = torch.zeros(())
    for estimate in edge_estimates(task, through=with_modified_gradients(task.engine.anatomy, temperature)):
        estimate.at()
        scores = scores + estimate.scores
    return EdgeScores(task.graph, (scores / len(task)).numpy())


def with_modified_gradients(anatomy: Anatomy, temperature: float) -> Anatomy:
    """The same model with another backward pass.

    Args:
        anatomy: The model.
        temperature: Temperature of the softmax whose Jacobian is taken.
    """
    return with_frozen_norms(anatomy, _Attention, temperature=temperature)


@dataclass(frozen=True, eq=False)
class _Attention(Attention):
    temperature: float = 1.0

    def mix(self, queries: PerHead, keys: PerKey, values: Values, context: Context) -> Mixed:
        shared = scaled_gradient(queries, 0.25), scaled_gradient(keys, 0.25), scaled_gradient(values, 0.5)
        return super().mix(*shared, context)

    def pattern(self, scores: Float[Tensor, "batch head position key"]) -> Float[Tensor, "batch head position key"]:
        return _TemperedSoftmax.apply(scores, self.temperature)  # pyright: ignore[reportReturnType]


class _TemperedSoftmax(torch.autograd.Function):
    """Softmax over the last axis, with the Jacobian of the softmax at a temperature."""

    @staticmethod
    def forward(ctx: Any, scores: Float[Tensor, "*axes key"], temperature: float) -> Float[Tensor, "*axes key"]:
        # The hotter pattern is what the gradient sees; what flows forward is the own.
        ctx.save_for_backward(torch.softmax(scores / temperature, dim=-1))
        return torch.softmax(scores, dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Float[Tensor, "*axes key"], None]:
        (pattern,), (gradient,) = ctx.saved_tensors, gradients
        return pattern * (gradient - (pattern * gradient).sum(-1, keepdim=True)), None
