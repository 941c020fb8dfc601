"""What cutting changes in each source's output: all of it at once, or a sublayer's sources at a time.

All outputs of one input are [source, position, d_model]. Before its output matrix a head's output is only
[position, d_head], so that of a model whose outputs do not fit into the memory that is kept, and multiplied out
when a sublayer's turn comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.circuit_run import Columns, Outputs
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import PerHead, Stream
from mib.sublayers import EMBEDDINGS, split_sublayer, writing_sublayers

Written = Float[Tensor, "row writer position d_model"]


class Changes(Protocol):
    """Ablated minus clean outputs of some inputs, by the sublayer that writes, numbered as in ``mib.sublayers``."""

    def of(self, sublayer: int) -> Written:
        """The changes of the sources that a sublayer computes."""
        ...

    def before(self, sublayer: int) -> Iterator[tuple[slice, Written]]:
        """The changes of all sources that a sublayer reads, with their places in ``Graph.sources``, part by part."""
        ...


@dataclass(frozen=True, eq=False)
class InMemoryChanges:
    """All changes at once.

    Attributes:
        columns: Sources that a sublayer reads and writes.
        changes: [row, source, position, d_model].
    """

    columns: Columns
    changes: Outputs

    def of(self, sublayer: int) -> Written:
        """See ``Changes``."""
        return self.changes[:, self.columns.writers(sublayer)]

    def before(self, sublayer: int) -> Iterator[tuple[slice, Written]]:
        """See ``Changes``: one part."""
        readable = slice(0, self.columns.readable(sublayer))
        yield readable, self.changes[:, readable]


@dataclass(frozen=True, eq=False)
class CompactOutputs:
    """What all sources of some inputs write, heads before their output matrix.

    Attributes:
        embeddings: [row, 1 or 2, position, d_model].
        mixed: A layer's heads, [row, head, position, d_head].
        mlps: A layer's MLP, [row, position, d_model].
        final: The residual stream that is unembedded, [row, position, d_model].
    """

    embeddings: Written
    mixed: tuple[PerHead, ...]
    mlps: tuple[Stream, ...]
    final: Stream

    @classmethod
    @torch.no_grad()
    def of(cls, anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> "CompactOutputs":
        """Run some inputs, [row, position].

        Args:
            anatomy: The model.
            tokens: Token ids.
            mask: True for real tokens, or None.
            pos: True if the position embedding is a source.
        """
        context = anatomy.context(tokens, mask)
        stream = anatomy.embed(tokens) + anatomy.position(tokens, mask)
        mixed, mlps = list[PerHead](), list[Stream]()
        for block in anatomy.blocks:
            mixed.append(block.attention.mix_stream(stream, context))
            middle = stream + block.attention.total(mixed[-1])
            mlps.append(block.mlp(stream if anatomy.parallel else middle))
            stream = middle + mlps[-1]
        return cls(embedded(anatomy, tokens, mask, pos=pos), tuple(mixed), tuple(mlps), stream)

    @torch.no_grad()
    def write_out(self, anatomy: Anatomy, *, into: Outputs | None = None) -> Outputs:
        """Write heads out: outputs of all sources, [row, source, position, d_model], as in ``Graph.sources``.

        Args:
            anatomy: The model.
            into: Tensor to write them to; default: a new one.
        """
        n_sources = self.embeddings.shape[1] + anatomy.n_layers * (anatomy.n_heads + 1)
        size = (len(self.embeddings), n_sources, *self.embeddings.shape[2:])
        outputs = self.embeddings.new_empty(size) if into is None else into
        for rows, written in self._parts(anatomy):
            outputs[:, rows] = written
        return outputs

    @torch.no_grad()
    def subtract_from(self, outputs: Outputs, anatomy: Anatomy) -> None:
        """Subtract the outputs of all sources from others, in place: no room is needed for all of them.

        Args:
            outputs: Outputs to change, [row, source, position, d_model].
            anatomy: The model.
        """
        for rows, written in self._parts(anatomy):
            outputs[:, rows] -= written

    def _parts(self, anatomy: Anatomy) -> Iterator[tuple[slice, Written]]:
        """Return what a sublayer's sources write, with their places in ``Graph.sources``."""
        row = self.embeddings.shape[1]
        yield slice(0, row), self.embeddings
        for block, mixed, mlp in zip(anatomy.blocks, self.mixed, self.mlps, strict=True):
            yield slice(row, row + anatomy.n_heads), block.attention.share(block.attention.write(mixed))
            yield slice(row + anatomy.n_heads, row + anatomy.n_heads + 1), mlp[:, None]
            row += anatomy.n_heads + 1


@torch.no_grad()
def embedded(anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> Written:
    """Give what the embeddings write, [row, 1 or 2, position, d_model]; arguments as for ``CompactOutputs.of``."""
    embedding, position = anatomy.embed(tokens), anatomy.position(tokens, mask)
    # Expanded and then stacked, which copies: no two inputs share memory.
    return torch.stack((embedding, position.expand_as(embedding)) if pos else (embedding,), dim=1)


@dataclass(frozen=True, eq=False)
class KnownOutputs:
    """What full runs of clean and of counterfactual inputs wrote, as far as there were any; they are not run again."""

    clean: CompactOutputs | None = None
    counterfactual: CompactOutputs | None = None


NOTHING_KNOWN = KnownOutputs()


class _BySublayer:
    """What a sublayer reads, from what each sublayer writes."""

    columns: Columns

    def of(self, sublayer: int) -> Written:
        """See ``Changes``."""
        raise NotImplementedError

    def before(self, sublayer: int) -> Iterator[tuple[slice, Written]]:
        """See ``Changes``: a sublayer's sources at a time."""
        n_sources = self.columns.readable(sublayer)
        for writer in writing_sublayers(self.columns.graph.n_layers):
            rows = self.columns.writers(writer)
            if rows.start >= n_sources:  # sources are numbered as they are computed, so none that follows is read
                return
            yield rows, self.of(writer)


@dataclass(frozen=True, eq=False)
class StreamingOutputs(_BySublayer):
    """The outputs of one sublayer at a time.

    Attributes:
        anatomy: The model.
        columns: Sources that a sublayer reads and writes.
        compact: Outputs of the sources.
    """

    anatomy: Anatomy
    columns: Columns
    compact: CompactOutputs

    @torch.no_grad()
    def of(self, sublayer: int) -> Written:
        """Give what the sources that a sublayer computes write."""
        if sublayer == EMBEDDINGS:
            return self.compact.embeddings
        layer, is_mlp = split_sublayer(sublayer)
        if is_mlp:
            return self.compact.mlps[layer][:, None]
        attention = self.anatomy.blocks[layer].attention
        return attention.share(attention.write(self.compact.mixed[layer]))


@dataclass(frozen=True, eq=False)
class StreamingChanges(_BySublayer):
    """The changes of one sublayer at a time.

    Attributes:
        anatomy: The model.
        columns: Sources that a sublayer reads and writes.
        clean: Outputs of the sources on the clean inputs.
        ablated: Values that flow along cut edges: other inputs' outputs, or outputs that are the same for all rows, [1,
            source, position | 1, d_model], or None for zeros.
    """

    anatomy: Anatomy
    columns: Columns
    clean: CompactOutputs
    ablated: CompactOutputs | Outputs | None

    @torch.no_grad()
    def of(self, sublayer: int) -> Written:
        """See ``Changes``."""
        layer, is_mlp = split_sublayer(sublayer)
        writes_heads = sublayer != EMBEDDINGS and not is_mlp
        compact, attention = self.ablated, self.anatomy.blocks[layer].attention if writes_heads else None
        # Without a norm after it the output matrix is linear: one product of the difference, not two.
        if isinstance(compact, CompactOutputs) and attention and attention.post is None:
            return attention.write(compact.mixed[layer] - self.clean.mixed[layer])
        clean = self._outputs(self.clean, sublayer)
        if compact is None:
            return -clean
        if isinstance(compact, CompactOutputs):
            return self._outputs(compact, sublayer) - clean
        return compact[:, self.columns.writers(sublayer)] - clean

    def _outputs(self, compact: CompactOutputs, sublayer: int) -> Written:
        return StreamingOutputs(self.anatomy, self.columns, compact).of(sublayer)
