"""What each source writes in the full run of an input."""

import torch
from torch import Tensor

from mib.anatomy import Anatomy
from mib.patching.circuits import Outputs


@torch.no_grad()
def record_outputs(anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> Outputs:
    """Outputs of all sources, [input, source, position, d_model], in the order of ``Graph.sources``.

    Args:
        anatomy: The model.
        tokens: [input, position].
        mask: True for real tokens, or None.
        pos: Whether the position embedding is a source.
    """
    context = anatomy.context(tokens, mask)
    embedding, position = anatomy.embed(tokens), anatomy.position(tokens, mask)
    n_sources = 1 + pos + anatomy.n_layers * (anatomy.n_heads + 1)
    outputs = embedding.new_empty(len(tokens), n_sources, *embedding.shape[1:])
    outputs[:, 0] = embedding
    if pos:
        outputs[:, 1] = position
    stream, row = embedding + position, 1 + pos
    for block in anatomy.blocks:
        attention, x = block.attention, stream[:, None]
        mixed = attention.mix(attention.queries(x, context), attention.keys(x, context), attention.values(x), context)
        outputs[:, row : row + anatomy.n_heads] = attention.share(attention.write(mixed))
        attended = stream + attention.total(mixed)
        outputs[:, row + anatomy.n_heads] = block.mlp(stream if anatomy.parallel else attended)
        stream = attended + outputs[:, row + anatomy.n_heads]
        row += anatomy.n_heads + 1
    return outputs
