"""What every destination reads with, and every source writes with, as matrices of the residual stream."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.anatomy import Anatomy, Norm
from mib.graph import Graph


def readers(anatomy: Anatomy) -> list[Float[Tensor, "destination d_model d_read"]]:
    """The linear maps that destinations begin with, one tensor a step of the forward pass.

    Layer norms are folded in but for their scale, which depends on the input: the weight, and the centring.
    """
    found: list[Tensor] = []
    for block in anatomy.blocks:
        attention, mlp = block.attention, block.mlp
        found.append(_fold(attention.norm, torch.cat((attention.W_Q, attention.W_K, attention.W_V))))
        W_in = mlp.W_in if mlp.W_gate is None else torch.cat((mlp.W_in, mlp.W_gate), dim=1)
        found.append(_fold(mlp.norm, W_in[None]))
    found.append(_fold(anatomy.final_norm, anatomy.W_U[None]))
    return found


def writers(anatomy: Anatomy, graph: Graph) -> list[Float[Tensor, "d_write d_model"]]:
    """The linear maps that sources end with, in the order of ``Graph.sources``; embeddings as they are."""
    found = [anatomy.token_embedding]
    if graph.pos and anatomy.position_embedding is not None:
        found.append(anatomy.position_embedding)
    for block in anatomy.blocks:
        found += [*block.attention.W_O, block.mlp.W_out]
    return found


def _fold(norm: Norm | None, weight: Float[Tensor, "destination d_model d_read"]) -> Tensor:
    weight = weight.double()
    if norm is None:
        return weight
    if norm.weight is not None:
        weight = norm.weight.double()[:, None] * weight
    return weight - weight.mean(1, keepdim=True) if norm.kind == "layer" else weight
