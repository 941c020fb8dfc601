"""Cut one edge at a time, and run no more than that edge can change.

Of the destination's component only the head or the MLP that reads the edge is run again; the layers after it are run
plainly, on one residual stream; nothing before it is run at all. A cut that changes nothing at its destination
changes nothing anywhere, so its rows are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mib.engine.circuit_run import Columns, Outputs
from mib.engine.rows import Indices
from mib.engine.source_changes import CompactOutputs, Written, embedded
from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context, PerHead, Stream
from mib.sublayers import EMBEDDINGS, reading_sublayers, split_sublayer, unembedding_sublayer, writing_sublayers


@dataclass(frozen=True, eq=False)
class LayerRun:
    """What one layer computed in a full run.

    Attributes:
        before: The residual stream that its attention reads.
        middle: The stream after its attention.
        queries, keys, values, mixed: Of each head, [input, head, position, d_head].
        summed: Sum of what its heads write, before bias and post norm.
        mlp: Output of its MLP.
    """

    before: Stream
    middle: Stream
    queries: PerHead
    keys: PerHead
    values: PerHead
    mixed: PerHead
    summed: Stream
    mlp: Stream


@dataclass(frozen=True, eq=False)
class FullRun:
    """What a full run of some inputs computed: everything that a run with one cut starts from."""

    anatomy: Anatomy
    context: Context
    layers: tuple[LayerRun, ...]
    final: Stream
    embeddings: Written

    @classmethod
    def of(cls, anatomy: Anatomy, tokens: Tensor, mask: Tensor | None, *, pos: bool) -> "FullRun":
        """Run some inputs, [input, position]; arguments as for ``CompactOutputs.of``."""
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
            mlp = block.mlp(stream if anatomy.parallel else middle)
            layers.append(LayerRun(stream, middle, queries, keys, values, mixed, summed, mlp))
            stream = middle + mlp
        return cls(anatomy, context, tuple(layers), stream, embedded(anatomy, tokens, mask, pos=pos))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The residual stream that each sublayer reads: attention, MLP, ..., logits."""
        parallel = self.anatomy.parallel
        pairs = [(run.before, run.before if parallel else run.middle) for run in self.layers]
        return (*(stream for pair in pairs for stream in pair), self.final)

    @property
    def written(self) -> CompactOutputs:
        """Outputs of its sources."""
        mixed, mlps = (run.mixed for run in self.layers), (run.mlp for run in self.layers)
        return CompactOutputs(self.embeddings, tuple(mixed), tuple(mlps), self.final)

    @property
    def start(self) -> Stream:
        """The embeddings."""
        return self.layers[0].before if self.layers else self.final

    def after(self, layer: int) -> Stream:
        """The stream after a layer."""
        return self.layers[layer + 1].before if layer + 1 < len(self.layers) else self.final

    def cut_head(self, layer: int, head: int, letter: str, rows: Indices, change: Stream) -> tuple[Stream, Stream]:
        """The streams after a layer's attention whose head reads a changed input.

        Args:
            layer: Number of the layer.
            head: Number of the head in its layer.
            letter: Input of the head: q, k or v.
            rows: Numbers of the inputs.
            change: Vector to add to each row's input.

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
        # Heads add up, so the other heads' sum is kept and only this head's difference is written out.
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
        sources: Row of the edge that each run cuts.
        inputs: Input of each run, by its place among those given.
        logits: [run, position, output].
        share: Share of the forward pass that each run took.
        destination: Column of the edge that each run cuts; None where the source's edges are all cut.
        neurons: Dimension of the source's output that each run cuts; None for all of them.
    """

    sources: Indices
    inputs: Indices
    logits: Float[Tensor, "run position output"]
    share: float
    destination: int | None = None
    neurons: Indices | None = None

    @property
    def place(self) -> tuple[Indices | int, ...]:
        """Place of the cuts: their sources, with the destination or the neurons where only a part of them is cut."""
        return tuple(axis for axis in (self.sources, self.destination, self.neurons) if axis is not None)


@dataclass(frozen=True, eq=False)
class SingleCuts:
    """All single cuts of some inputs.

    Attributes:
        columns: Destinations and sources of each sublayer.
        full: The full run of the inputs.
        changes: Changes that the ablation makes to each source's output, [input, source, position, d_model].
        rows_at_once: Number of runs that fit into the memory.
    """

    columns: Columns
    full: FullRun
    changes: Outputs
    rows_at_once: int

    @property
    def uncut(self) -> Float[Tensor, "input position output"]:
        """Logits of the full run."""
        return self.full.anatomy.unembed(self.full.final)

    @cached_property
    def _active(self) -> Bool[Tensor, "source input"]:
        """Return which sources the ablation changes at all."""
        # Exactly 0, not nearly: only then is the run with the cut the full run to the bit.
        return (self.changes != 0).flatten(2).any(2).T

    def edges(self, wanted: Bool[Tensor, "source destination"]) -> Iterator[CutRows]:
        """Cut each of these edges on each input; runs that a cut cannot change are left out."""
        for sublayer in reading_sublayers(self.columns.graph.n_layers):
            columns = self.columns.of(sublayer)
            for column in range(columns.start, columns.stop):
                for sources, inputs in self._chunks(wanted[:, column]):
                    yield from self._cut(sublayer, column, sources, inputs)

    def nodes(self) -> Iterator[CutRows]:
        """Cut all edges that leave a source, on each input; runs that a cut cannot change are left out."""
        for sublayer in writing_sublayers(self.columns.graph.n_layers):
            wanted = torch.zeros(self.changes.shape[1], dtype=torch.bool, device=self.changes.device)
            wanted[self.columns.writers(sublayer)] = True
            for sources, inputs in self._chunks(wanted):
                logits = self._with_written(sublayer, inputs, self.changes[inputs, sources])
                yield CutRows(sources, inputs, logits, self.columns.share(sublayer + 1))

    def neurons(self) -> Iterator[CutRows]:
        """Cut one dimension of a source's output for all its readers, on each input; as ``nodes`` for the rest."""
        active = (self.changes != 0).any(2)
        for sublayer in writing_sublayers(self.columns.graph.n_layers):
            writers = self.columns.writers(sublayer)
            for places in active[:, writers].nonzero().split(self.rows_at_once):
                if not len(places):
                    continue
                inputs, sources, neurons = places[:, 0], places[:, 1] + writers.start, places[:, 2]
                # A zero of its own for every run: `changes` is shared by all.
                change = torch.zeros_like(self.changes[inputs, sources])
                run = torch.arange(len(places), device=change.device)
                change[run, :, neurons] = self.changes[inputs, sources, :, neurons]
                logits = self._with_written(sublayer, inputs, change)
                yield CutRows(sources, inputs, logits, self.columns.share(sublayer + 1), neurons=neurons)

    def _with_written(self, sublayer: int, inputs: Indices, change: Stream) -> Float[Tensor, "run position output"]:
        """Logits of runs in which something is added to what a sublayer writes."""
        full, (layer, is_mlp) = self.full, split_sublayer(sublayer)
        if sublayer == EMBEDDINGS:  # as if they were written by an MLP of layer -1
            stream = full.start[inputs] + change
        elif is_mlp:
            stream = full.after(layer)[inputs] + change
        else:
            run = full.layers[layer]
            stream = full.after_mlp(layer, run.before[inputs], run.middle[inputs] + change)
        return self._finish(layer + 1, inputs, stream)

    def _chunks(self, wanted: Bool[Tensor, "source"]) -> Iterator[tuple[Indices, Indices]]:
        """Sources and inputs of the cuts that change what is read."""
        sources, inputs = (self._active & wanted[:, None]).nonzero(as_tuple=True)
        pairs = zip(sources.split(self.rows_at_once), inputs.split(self.rows_at_once), strict=True)
        return ((source, number) for source, number in pairs if len(source))

    def _cut(self, sublayer: int, column: int, sources: Indices, inputs: Indices) -> Iterator[CutRows]:
        full, change = self.full, self.changes[inputs, sources]
        layer, is_mlp = split_sublayer(sublayer)
        if sublayer == unembedding_sublayer(full.anatomy.n_layers):
            stream = full.final[inputs] + change
        elif is_mlp:
            stream = full.cut_mlp(layer, inputs, change)
        else:
            place = self.columns.graph.locate(self.columns.graph.destinations[column])
            before, middle = full.cut_head(layer, place.head, place.letter, inputs, change)
            # A saturated softmax often swallows a change whole; what is equal to the bit here is equal at the logits.
            changed = (middle != full.layers[layer].middle[inputs]).flatten(1).any(1)
            if not bool(changed.all()):
                before, middle, sources, inputs = (x[changed] for x in (before, middle, sources, inputs))
            if not len(inputs):
                return
            stream = full.after_mlp(layer, before, middle)
        yield CutRows(sources, inputs, self._finish(layer + 1, inputs, stream), self.columns.share(sublayer), column)

    def _finish(self, layer: int, inputs: Indices, stream: Stream) -> Float[Tensor, "run position output"]:
        """Run the layers from one on, plainly."""
        anatomy, context = self.full.anatomy, self.full.context.rows(inputs)
        for later in range(layer, anatomy.n_layers):
            stream = anatomy.layer(later, stream, context)
        return anatomy.unembed(stream)


def at_position(changes: Outputs, position: int) -> Outputs:
    """Changes at one position, none elsewhere.

    Raises:
        TaskError: If there is no such position.
    """
    n_positions = changes.shape[2]
    if not 0 <= position < n_positions:
        raise TaskError(f"position={position}; the inputs have positions 0 to {n_positions - 1}.")
    only = torch.zeros_like(changes)
    only[:, :, position] = changes[:, :, position]
    return only
