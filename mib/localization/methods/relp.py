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
from jaxtyping import Float
from torch import Tensor

from mib.graph import EdgeScores
from mib.localization.edge_estimates import edge_estimates
from mib.localization.registry import localizer
from mib.localization.remade_parts import remade
from mib.localization.task import LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Block, Context, Mlp, Norm, PerHead, Stream


@localizer(
    "relp", cost="3F+1B", source="Jafari et al. 2025, arXiv 2508.21258, with the rules of its code", needs_gradient=True
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
    blocks = tuple(Block(_attention(block.attention), _mlp(block.mlp)) for block in anatomy.blocks)
    return replace(anatomy, blocks=blocks, final_norm=_norm(anatomy.final_norm))


class _Norm(Norm):
    def __call__(self, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
        centred = x - x.mean(-1, keepdim=True) if self.kind == "layer" else x
        scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + self.eps).detach()
        normalised = centred * scale if self.weight is None else centred * scale * self.weight
        return normalised if self.bias is None else normalised + self.bias


class _Attention(Attention):
    def mix(self, queries: PerHead, keys: PerHead, values: PerHead, context: Context) -> PerHead:
        return super().mix(queries.detach(), keys.detach(), values, context)


class _GatedMlp(Mlp):
    """(f(gate) x hidden) with half of the relevance to each factor; not used for MLPs without a gate."""

    def __call__(self, x: Stream) -> Stream:
        half = 0.5 * x + 0.5 * x.detach()
        return super().__call__(half)


def _norm(norm: Norm | None) -> Norm | None:
    return None if norm is None else remade(norm, _Norm)


def _attention(attention: Attention) -> Attention:
    return remade(attention, _Attention, norm=_norm(attention.norm), post=_norm(attention.post))


def _mlp(mlp: Mlp) -> Mlp:
    kind = Mlp if mlp.W_gate is None else _GatedMlp
    return remade(mlp, kind, norm=_norm(mlp.norm), post=_norm(mlp.post), act=_identity_rule(mlp.act))


def _identity_rule(act: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """f, propagating f(x) / x; at 0 its limit from below, where torch too takes the slope of a ReLU."""

    def f(x: Tensor) -> Tensor:
        fixed = x.detach()
        near = torch.where(fixed == 0, -1e-6, fixed)
        return act(fixed) + act(near) / near * (x - fixed)

    return f
