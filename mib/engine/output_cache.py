"""What each source writes in the full run of an input."""

from collections.abc import Callable

import torch
from torch import Tensor

from mib.engine.circuit_run import Outputs
from mib.engine.rows import Indices
from mib.models.adapters.anatomy import Anatomy


@torch.no_grad()
def record_outputs(anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> Outputs:
    """Outputs of all sources, [input, source, position, d_model], in the order of ``Graph.sources``.

    Args:
        anatomy: The model.
        tokens: [input, position].
        mask: True for real tokens, or None.
        pos: True if the position embedding is a source.
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


class OutputCache:
    """Outputs of the pool's inputs, each computed when it is first asked for.

    Args:
        n_inputs: Size of the pool.
        record: Computes the outputs of distinct inputs.
    """

    def __init__(self, n_inputs: int, record: Callable[[Indices], Outputs]) -> None:
        self._record = record
        self._filled = torch.zeros(n_inputs, dtype=torch.bool)
        self._outputs: Outputs | None = None
        self._complete = False

    def __call__(self, indices: Indices) -> Outputs:
        """Outputs of some inputs, in any order, with repetitions."""
        if not self._complete:
            self._fill(indices)
        if self._outputs is None:  # nothing was ever asked for
            return self._record(indices)
        return self._outputs[indices]

    def _fill(self, indices: Indices) -> None:
        self._filled = self._filled.to(indices.device)
        missing = torch.unique(indices[~self._filled[indices]])
        if len(missing):
            new = self._record(missing)
            if self._outputs is None:
                # Room for the whole pool at once: growing it would hold it twice for a moment.
                self._outputs = new.new_empty(len(self._filled), *new.shape[1:])
            self._outputs[missing] = new
            self._filled[missing] = True
            self._complete = bool(self._filled.all())
