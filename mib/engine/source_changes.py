"""What cutting changes in each source's output: all of it at once, or a step's sources at a time.

All outputs of one input are [source, position, d_model]. Before its output matrix a head's output is only
[position, d_head], so that of a model whose outputs do not fit into the memory that is kept, and multiplied out
when a step's turn comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.circuit_run import Columns, Outputs
from mib.models.adapters import Anatomy
from mib.models.adapters.parts import PerHead, Stream

Written = Float[Tensor, "row writer position d_model"]


class Changes(Protocol):
    """Ablated minus clean outputs of some inputs, by the step that writes; step -1 is the embeddings."""

    def of(self, step: int) -> Written:
        """The changes of the sources that a step computes."""
        ...

    def before(self, step: int) -> Iterator[tuple[slice, Written]]:
        """The changes of all sources that a step reads, with their places in ``Graph.sources``, part by part."""
        ...


@dataclass(frozen=True, eq=False)
class HeldChanges:
    """All changes at once.

    Attributes:
        columns: Which sources a step reads and writes.
        changes: [row, source, position, d_model].
    """

    columns: Columns
    changes: Outputs

    def of(self, step: int) -> Written:
        """See ``Changes``."""
        return self.changes[:, self.columns.writers(step)]

    def before(self, step: int) -> Iterator[tuple[slice, Written]]:
        """See ``Changes``: one part."""
        readable = slice(0, self.columns.readable(step))
        yield readable, self.changes[:, readable]


@dataclass(frozen=True, eq=False)
class CompactOutputs:
    """What all sources of some inputs write, heads before their output matrix.

    Attributes:
        embeddings: [row, 1 or 2, position, d_model].
        mixed: A layer's heads, [row, head, position, d_head].
        mlps: A layer's MLP, [row, position, d_model].
    """

    embeddings: Written
    mixed: tuple[PerHead, ...]
    mlps: tuple[Stream, ...]

    @classmethod
    @torch.no_grad()
    def of(cls, anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> "CompactOutputs":
        """Run some inputs, [row, position].

        Args:
            anatomy: The model.
            tokens: Token ids.
            mask: True for real tokens, or None.
            pos: Whether the position embedding is a source.
        """
        context = anatomy.context(tokens, mask)
        embedding, position = anatomy.embed(tokens), anatomy.position(tokens, mask)
        both = (embedding, position.expand_as(embedding)) if pos else (embedding,)
        stream, mixed, mlps = embedding + position, list[PerHead](), list[Stream]()
        for block in anatomy.blocks:
            attention, x = block.attention, stream[:, None]
            mixed.append(
                attention.mix(attention.queries(x, context), attention.keys(x, context), attention.values(x), context)
            )
            middle = stream + attention.total(mixed[-1])
            mlps.append(block.mlp(stream if anatomy.parallel else middle))
            stream = middle + mlps[-1]
        return cls(torch.stack(both, dim=1), tuple(mixed), tuple(mlps))


class _StepByStep:
    """What a step reads, from what each step writes."""

    columns: Columns

    def of(self, step: int) -> Written:
        """See ``Changes``."""
        raise NotImplementedError

    def before(self, step: int) -> Iterator[tuple[slice, Written]]:
        """See ``Changes``: a step's sources at a time."""
        n_sources = self.columns.readable(step)
        for writer in range(-1, 2 * self.columns.graph.n_layers):
            rows = self.columns.writers(writer)
            if rows.start >= n_sources:
                return
            yield rows, self.of(writer)


@dataclass(frozen=True, eq=False)
class StreamedOutputs(_StepByStep):
    """The outputs of one step at a time.

    Attributes:
        anatomy: The model.
        columns: Which sources a step reads and writes.
        compact: What the sources write.
    """

    anatomy: Anatomy
    columns: Columns
    compact: CompactOutputs

    @torch.no_grad()
    def of(self, step: int) -> Written:
        """What the sources that a step computes write."""
        if step < 0:
            return self.compact.embeddings
        layer, is_mlp = divmod(step, 2)
        if is_mlp:
            return self.compact.mlps[layer][:, None]
        attention = self.anatomy.blocks[layer].attention
        return attention.share(attention.write(self.compact.mixed[layer]))


@dataclass(frozen=True, eq=False)
class StreamedChanges(_StepByStep):
    """The changes of one step at a time.

    Attributes:
        anatomy: The model.
        columns: Which sources a step reads and writes.
        clean: What the clean inputs' sources write.
        ablated: What flows along cut edges: other inputs' outputs, or outputs that are the same for all rows,
            [1, source, position | 1, d_model], or None for zeros.
    """

    anatomy: Anatomy
    columns: Columns
    clean: CompactOutputs
    ablated: CompactOutputs | Outputs | None

    @torch.no_grad()
    def of(self, step: int) -> Written:
        """See ``Changes``."""
        layer, is_mlp = divmod(step, 2)
        compact, attention = self.ablated, self.anatomy.blocks[layer].attention if step >= 0 and not is_mlp else None
        if isinstance(compact, CompactOutputs) and attention and attention.post is None:  # linear: one product
            return attention.write(compact.mixed[layer] - self.clean.mixed[layer])
        clean = self._outputs(self.clean, step)
        if compact is None:
            return -clean
        if isinstance(compact, CompactOutputs):
            return self._outputs(compact, step) - clean
        return compact[:, self.columns.writers(step)] - clean

    def _outputs(self, compact: CompactOutputs, step: int) -> Written:
        return StreamedOutputs(self.anatomy, self.columns, compact).of(step)
