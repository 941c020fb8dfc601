"""Relevance patching: edge attribution patching with layer-wise relevance propagation in place of gradients.

The forward pass is the model's own; the backward pass follows these rules, each of which treats a factor as constant:

- layer norm, RMS norm: the scale (LN rule; Ali et al. 2022);
- attention: the attention pattern (AH rule; Ali et al. 2022), so that *edges into queries and keys score exactly 0*;
- activation function: f(x) / x (identity rule; Jafari et al. 2024), which for ReLU is the gradient;
- gate of a gated MLP: half of the relevance to each factor (half rule; Jafari et al. 2024);
- linear maps: the gradient (0-rule).

A model without layer norm whose activation is ReLU, such as every compiled one, differs from plain gradients in the
attention rule alone.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mib.graph import EdgeScores
from mib.localization.edge_estimates import edge_estimates
from mib.localization.frozen_parts import with_frozen_norms
from mib.localization.registry import localizer
from mib.localization.remade_parts import remade
from mib.localization.task import LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Context, PerHead


@localizer(
    "relp", cost="2F+1B", source="Jafari et al. 2025, arXiv 2508.21258, with the rules of its code", needs_gradient=True
)
def relp(task: LocalizationTask) -> EdgeScores:
    """First-order estimate of each cut, with propagation coefficients for gradients."""
    scores = torch.zeros(())
    for estimate in edge_estimates(task, through=with_rules(task.engine.anatomy)):
        estimate.at()
        scores = scores + estimate.scores
    return EdgeScores(task.graph, (scores / len(task)).numpy())


def with_rules(anatomy: Anatomy) -> Anatomy:
    """The same model, whose backward pass propagates relevance."""
    frozen = with_frozen_norms(anatomy, _Attention)
    blocks = tuple(
        replace(block, mlp=remade(block.mlp, type(block.mlp), act=_identity_rule(block.mlp.act)))
        for block in frozen.blocks
    )
    return replace(frozen, blocks=blocks)


class _Attention(Attention):
    def mix(self, queries: PerHead, keys: PerHead, values: PerHead, context: Context) -> PerHead:
        return super().mix(queries.detach(), keys.detach(), values, context)


def _identity_rule(act: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """f, propagating f(x) / x; at 0 its limit from below, where torch too takes the slope of a ReLU."""

    def f(x: Tensor) -> Tensor:
        fixed = x.detach()
        # f(x) / x is 0 / 0 there.
        near = torch.where(fixed == 0, -1e-6, fixed)
        return act(fixed) + act(near) / near * (x - fixed)

    return f
