"""Cut one edge at a time, and run no more than that edge can change.

Of the destination's component only the head or the MLP that reads the edge is run again; the layers after it are run
plainly, on one residual stream; nothing before it is run at all. A cut that changes nothing at its destination
changes nothing anywhere, so its rows are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.anatomy import Anatomy, Context
from mib.anatomy.parts import PerHead, Stream
from mib.graph import Graph
from mib.patching.circuits import Columns, Outputs

Indices = Int[Tensor, "row"]


@dataclass(frozen=True, eq=False)
class LayerRun:
    """What one layer computed in a full run.

    Attributes:
        before: The residual stream that its attention reads.
        middle: The stream after its attention.
        queries, keys, values, mixed: Of each head, [input, head, position, d_head].
        summed: What its heads write together, before bias and post norm.
    """

    before: Stream
    middle: Stream
    queries: PerHead
    keys: PerHead
    values: PerHead
    mixed: PerHead
    summed: Stream


@dataclass(frozen=True, eq=False)
class FullRun:
    """What a full run of some inputs computed: everything that a run with one cut starts from."""

    anatomy: Anatomy
    context: Context
    layers: tuple[LayerRun, ...]
    final: Stream

    @classmethod
    def of(cls, anatomy: Anatomy, tokens: Tensor, mask: Tensor | None) -> "FullRun":
        """Run some inputs, [input, position]."""
        context = anatomy.context(tokens, mask)
        stream = anatomy.embed(tokens) + anatomy.position(tokens, mask)
        layers: list[LayerRun] = []
        for block in anatomy.blocks:
            attention, x = block.attention, stream[:, None]
            queries, keys = attention.queries(x, context), attention.keys(x, context)
            values = attention.values(x)
            mixed = attention.mix(queries, keys, values, context)
            summed = attention.sum_heads(mixed)
            middle = stream + attention.finish(summed)
            layers.append(LayerRun(stream, middle, queries, keys, values, mixed, summed))
            stream = middle + block.mlp(stream if anatomy.parallel else middle)
        return cls(anatomy, context, tuple(layers), stream)

    def cut_head(self, layer: int, head: int, letter: str, rows: Indices, change: Stream) -> tuple[Stream, Stream]:
        """The streams after a layer's attention whose head reads a changed input.

        Args:
            layer: Which layer.
            head: Which of its heads.
            letter: Which input of the head: q, k or v.
            rows: Which inputs.
            change: What is added to each row's input.

        Returns:
            The stream before the layer's attention and the stream after it.
        """
        run, attention, context = self.layers[layer], self.anatomy.blocks[layer].attention, self.context.rows(rows)
        before = run.before[rows]
        inputs = (before + change)[:, None]
        one = slice(head, head + 1)
        q = attention.queries(inputs, context, head) if letter == "q" else run.queries[rows, one]
        k = attention.keys(inputs, context, head) if letter == "k" else run.keys[rows, one]
        v = attention.values(inputs, head) if letter == "v" else run.values[rows, one]
        difference = attention.mix(q, k, v, context) - run.mixed[rows, one]
        summed = run.summed[rows] + attention.write(difference, head)[:, 0]
        return before, before + attention.finish(summed)

    def after_mlp(self, layer: int, before: Stream, middle: Stream) -> Stream:
        """The stream after a layer whose MLP reads its usual stream."""
        return middle + self.anatomy.blocks[layer].mlp(before if self.anatomy.parallel else middle)

    def cut_mlp(self, layer: int, rows: Indices, change: Stream) -> Stream:
        """The stream after a layer whose MLP reads a changed input."""
        run = self.layers[layer]
        middle = run.middle[rows]
        return middle + self.anatomy.blocks[layer].mlp((run.before[rows] if self.anatomy.parallel else middle) + change)


@dataclass(frozen=True, eq=False)
class CutRows:
    """Runs with one cut each.

    Attributes:
        destination: Column of the edge that each row cuts.
        sources: Row of the edge that each row cuts.
        inputs: Which input, by its place among those given.
        logits: [row, position, output].
        share: Which share of the model each row ran.
    """

    destination: int
    sources: Indices
    inputs: Indices
    logits: Float[Tensor, "row position output"]
    share: float


@dataclass(frozen=True, eq=False)
class SingleCuts:
    """All single cuts of some inputs.

    Attributes:
        graph: The nodes and edges.
        full: The full run of the inputs.
        changes: What the ablation changes in each source's output, [input, source, position, d_model].
        rows_at_once: How many runs fit into the memory.
    """

    graph: Graph
    full: FullRun
    changes: Outputs
    rows_at_once: int

    def run(self, edges: Bool[Tensor, "source destination"]) -> Iterator[CutRows]:
        """Cut each of these edges on each input; rows that a cut cannot change are left out."""
        active = (self.changes != 0).flatten(2).any(2)  # [input, source]
        for step in range(2 * self.graph.n_layers + 1):
            columns = Columns(self.graph).of(step)
            for column in range(columns.start, columns.stop):
                sources, inputs = (active.T & edges[:, column, None]).nonzero(as_tuple=True)
                for chunk in torch.arange(len(sources), device=sources.device).split(self.rows_at_once):
                    if len(chunk):
                        yield from self._cut(step, column, sources[chunk], inputs[chunk])

    def _cut(self, step: int, column: int, sources: Indices, inputs: Indices) -> Iterator[CutRows]:
        full, change = self.full, self.changes[inputs, sources]
        layer, is_mlp = divmod(step, 2)
        if layer == self.graph.n_layers:
            stream = full.final[inputs] + change
        elif is_mlp:
            stream = full.cut_mlp(layer, inputs, change)
        else:
            place = self.graph.locate(self.graph.destinations[column])
            before, middle = full.cut_head(layer, place.head, place.letter, inputs, change)
            changed = (middle != full.layers[layer].middle[inputs]).flatten(1).any(1)
            if not bool(changed.all()):
                before, middle, sources, inputs = (x[changed] for x in (before, middle, sources, inputs))
            if not len(inputs):
                return
            stream = full.after_mlp(layer, before, middle)
        context = full.context.rows(inputs)
        for later in range(layer + 1, self.graph.n_layers):
            stream = full.anatomy.layer(later, stream, context)
        share = 1 - step / (2 * self.graph.n_layers + 1)
        yield CutRows(column, sources, inputs, full.anatomy.unembed(stream), share)
