"""What every destination reads with, and every source writes with, as matrices of the residual stream."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import Graph
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import fold_norm
from mib.sublayers import is_mlp_sublayer, reading_sublayers, split_sublayer, unembedding_sublayer

COLUMNS = 4096
"""Columns of a map that are taken at a time."""


def readers(anatomy: Anatomy) -> Iterator[Float[Tensor, "destination d_model d_read"]]:
    """The linear maps that destinations begin with, one tensor a sublayer of the forward pass, in float64.

    Layer norms are folded in but for their scale, which depends on the input: the weight, and the centring.
    """
    for sublayer in reading_sublayers(anatomy.n_layers):
        yield torch.stack(
            [torch.cat([*reader(anatomy, sublayer, i)], dim=1) for i in range(n_readers(anatomy, sublayer))]
        )


def n_readers(anatomy: Anatomy, sublayer: int) -> int:
    """Return how many destinations a sublayer has."""
    heads_read = sublayer != unembedding_sublayer(anatomy.n_layers) and not is_mlp_sublayer(sublayer)
    return 3 * anatomy.n_heads if heads_read else 1


def reader(anatomy: Anatomy, sublayer: int, number: int) -> Iterator[Float[Tensor, "d_model d_read"]]:
    """Return ``readers`` for one destination of a sublayer, some columns at a time: an unembedding is large."""
    layer, is_mlp = split_sublayer(sublayer)
    if sublayer == unembedding_sublayer(anatomy.n_layers):
        norm, maps = anatomy.final_norm, (anatomy.W_U,)
    elif is_mlp:
        mlp = anatomy.blocks[layer].mlp
        norm, maps = mlp.norm, (mlp.W_in,) if mlp.W_gate is None else (mlp.W_in, mlp.W_gate)
    else:
        attention = anatomy.blocks[layer].attention
        letter, head = divmod(number, anatomy.n_heads)
        norm, maps = attention.norm, ((attention.W_Q, attention.W_K, attention.W_V)[letter][head],)
    for weight in maps:
        for columns in weight.split(COLUMNS, dim=1):
            yield fold_norm(norm, columns)


def writers(anatomy: Anatomy, graph: Graph) -> list[Float[Tensor, "d_write d_model"]]:
    """The linear maps that sources end with, in the order of ``Graph.sources``; embeddings as they are."""
    found = [anatomy.token_embedding]
    if graph.pos and anatomy.position_embedding is not None:
        found.append(anatomy.position_embedding)
    for block in anatomy.blocks:
        found += [*block.attention.W_O, block.mlp.W_out]
    return found
