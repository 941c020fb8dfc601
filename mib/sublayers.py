"""The order in which a transformer computes, numbered: one number a sublayer of the residual stream.

The embeddings are -1, the attention of block l is 2l, its MLP 2l + 1, the unembedding 2 n_layers. Whoever needs this
order, to start a run in the middle or to say who reads what, takes it from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mib.graph import Place

EMBEDDINGS = -1
"""The sublayer that only writes: token and position embeddings."""


def attention_sublayer(layer: int) -> int:
    """Number of a block's attention."""
    return 2 * layer


def mlp_sublayer(layer: int) -> int:
    """Number of a block's MLP."""
    return 2 * layer + 1


def unembedding_sublayer(n_layers: int) -> int:
    """Number of the unembedding, the sublayer that only reads."""
    return 2 * n_layers


def sublayer_of(place: Place) -> int:
    """Number of the sublayer in which a destination reads, or in which a source writes."""
    if place.kind in ("input", "pos"):
        return EMBEDDINGS
    # The layer of the logits is the number of blocks, which makes the unembedding of what would be their attention.
    return mlp_sublayer(place.layer) if place.kind == "mlp" else attention_sublayer(place.layer)


def split_sublayer(sublayer: int) -> tuple[int, bool]:
    """Block of a sublayer, and whether it is the block's MLP; the unembedding counts as attention after the last."""
    return sublayer >> 1, sublayer & 1 == 1


def is_mlp_sublayer(sublayer: int) -> bool:
    """Tell whether a sublayer is an MLP."""
    return sublayer >= 0 and sublayer & 1 == 1


def other_of_block(sublayer: int) -> int:
    """The MLP beside a block's attention, or the attention beside its MLP."""
    return sublayer ^ 1


def block_sublayers(n_layers: int, *, start: int = 0) -> range:
    """All attentions and MLPs in order, from one on."""
    return range(start, 2 * n_layers)


def reading_sublayers(n_layers: int, *, start: int = 0) -> range:
    """All sublayers that read, from one on: attentions and MLPs in order, then the unembedding."""
    return range(start, 2 * n_layers + 1)


def writing_sublayers(n_layers: int) -> range:
    """All sublayers that write: the embeddings, then attentions and MLPs in order."""
    return range(EMBEDDINGS, 2 * n_layers)


def next_sublayer(sublayer: int, *, parallel: bool = False) -> int:
    """First sublayer that reads what another writes.

    Args:
        sublayer: The one that writes.
        parallel: True if attention and MLP of a block read the same stream; its MLP then does not read its attention.
    """
    return sublayer + 2 if parallel and sublayer & 1 == 0 else sublayer + 1
