"""Parts with the model's forward pass and a simpler backward pass, which several gradient methods share."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mib.localization.remade_parts import remade
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Block, Mlp, Norm, Stream


class FrozenNorm(Norm):
    """A norm whose scale is a constant to the backward pass; what it gives forward is the norm's own, to the bit."""

    def __call__(self, x: Float[Tensor, "*axes d_model"]) -> Float[Tensor, "*axes d_model"]:
        """The normalised input."""
        centred = x - x.mean(-1, keepdim=True) if self.kind == "layer" else x
        scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + self.eps).detach()
        linear = centred * scale if self.weight is None else centred * scale * self.weight
        return super().__call__(x.detach()) + (linear - linear.detach())


class HalvedGatedMlp(Mlp):
    """(f(gate) x hidden) with half of the gradient to each factor; not for MLPs without a gate."""

    def __call__(self, x: Stream) -> Stream:
        """The output of the MLP."""
        return super().__call__(scaled_gradient(x, 0.5))


def scaled_gradient(x: Tensor, share: float) -> Tensor:
    """The same value, through which a share of the gradient flows back."""
    fixed = x.detach()
    return fixed + share * (x - fixed)


def with_frozen_norms(anatomy: Anatomy, attention: type[Attention], **changes: object) -> Anatomy:
    """A model whose norms are frozen, whose gated MLPs are halved, and whose attention is of another class.

    Args:
        anatomy: The model.
        attention: Class of its attention layers.
        changes: Values of fields that this class adds.
    """
    blocks = tuple(
        Block(
            remade(
                block.attention,
                attention,
                norm=frozen(block.attention.norm),
                post=frozen(block.attention.post),
                **changes,
            ),
            remade(
                block.mlp,
                Mlp if block.mlp.W_gate is None else HalvedGatedMlp,
                norm=frozen(block.mlp.norm),
                post=frozen(block.mlp.post),
            ),
        )
        for block in anatomy.blocks
    )
    return replace(anatomy, blocks=blocks, final_norm=frozen(anatomy.final_norm))


def frozen(norm: Norm | None) -> Norm | None:
    """A norm with its scale frozen, where there is one."""
    return None if norm is None else remade(norm, FrozenNorm)
