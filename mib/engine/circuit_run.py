"""Run a circuit: every destination reads kept edges from this run and cut edges from the ablation.

Layout: a row is one (circuit, example); source outputs are [row, source, position, d_model], so that what all
destinations of a sublayer read is one batched matrix product over sources.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import Graph
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context
from mib.sublayers import (
    EMBEDDINGS,
    block_sublayers,
    is_mlp_sublayer,
    reading_sublayers,
    split_sublayer,
    unembedding_sublayer,
)

Outputs = Float[Tensor, "row source position d_model"]
Stream = Float[Tensor, "row position d_model"]
Ablated = Float[Tensor, "#row source #position d_model"]


@dataclass(frozen=True)
class Columns:
    """Which destinations, and how many sources, belong to each sublayer, numbered as in ``mib.sublayers``."""

    graph: Graph

    def of(self, sublayer: int) -> slice:
        """Columns of the destinations of a sublayer."""
        width = 3 * self.graph.n_heads + 1
        layer, is_mlp = split_sublayer(sublayer)
        if layer == self.graph.n_layers:
            return slice(layer * width, layer * width + 1)
        start = layer * width
        return slice(start + width - 1, start + width) if is_mlp else slice(start, start + width - 1)

    def readable(self, sublayer: int) -> int:
        """Return how many sources the destinations of a sublayer can read."""
        return int(self.graph.n_readable[self.of(sublayer).start])

    def written(self, sublayer: int) -> int:
        """Count the sources computed before a sublayer (in parallel blocks an MLP cannot read all of them)."""
        return self.readable(sublayer) + (
            self.graph.n_heads if self.graph.parallel and is_mlp_sublayer(sublayer) else 0
        )

    @property
    def n_sublayers(self) -> int:
        """Number of sublayers, the logits included."""
        return len(reading_sublayers(self.graph.n_layers))

    def writers(self, sublayer: int) -> slice:
        """Rows of the sources that a sublayer computes; of the embeddings for ``EMBEDDINGS``."""
        if sublayer == EMBEDDINGS:
            return slice(0, 2 if self.graph.pos else 1)
        (layer, is_mlp), heads = split_sublayer(sublayer), self.graph.n_heads
        first = (2 if self.graph.pos else 1) + layer * (heads + 1)
        return slice(first + heads, first + heads + 1) if is_mlp else slice(first, first + heads)

    def share(self, start: int) -> float:
        """Return which share of the forward pass a run that starts at a sublayer is."""
        return 1 - start / self.n_sublayers

    def sublayer_of_each_destination(self) -> list[int]:
        """The sublayer of each destination."""
        n_destinations = len(self.graph.destinations)
        readers = reading_sublayers(self.graph.n_layers)
        return [sublayer for sublayer in readers for _ in range(*self.of(sublayer).indices(n_destinations))]


def constant_stream(
    anatomy: Anatomy, sublayer: int, position: Float[Tensor, "#row position d_model"] | None
) -> Float[Tensor, "#row #position d_model"] | None:
    """Sum what else flows into a sublayer: the position embedding (unless a source) and attention biases."""
    layer, is_mlp = split_sublayer(sublayer)
    # The bias of a block's own attention is written before its MLP reads, unless both read the same stream.
    n_biases = layer + 1 if is_mlp and not anatomy.parallel else layer
    total = position
    for block in anatomy.blocks[:n_biases]:
        bias = block.attention.b_O
        if bias is not None:
            total = bias[None, None] if total is None else total + bias
    return total


@dataclass(frozen=True, eq=False)
class CircuitRun:
    """One chunk of rows of circuit runs.

    Attributes:
        anatomy: The model.
        graph: Its edges.
        kept: [row | 1, source, destination], 1 where an edge is kept, 0 where it is cut, or between.
        ablated: Values that flow along cut edges, [row | 1, source, position | 1, d_model]; None for zeros.
        neurons: [row | 1, source, d_model], 1 where a source's neuron is kept for all its readers; None for all.
        position: The position embedding, where it is not a source.
        context: Attention masks and rotary tables of the rows.
    """

    anatomy: Anatomy
    graph: Graph
    kept: Float[Tensor, "#row source destination"]
    ablated: Ablated | None
    neurons: Float[Tensor, "#row source d_model"] | None
    position: Float[Tensor, "#row position d_model"] | None
    context: Context

    def logits(self, outputs: Outputs, start: int) -> Float[Tensor, "row position output"]:
        """Logits of the circuits.

        Args:
            outputs: Outputs of the sources that are computed before sublayer ``start`` in the full run.
            start: The first sublayer that reads a cut edge; nothing before it is run.
        """
        # Outputs before the first cut are those of the full run: nothing that they depend on is cut.
        written = self._masked(outputs, 0)
        for sublayer in block_sublayers(self.graph.n_layers, start=start):
            new = self._masked(self._component(sublayer, written), written.shape[1])
            written = torch.cat((written, new), dim=1)
        return self.anatomy.unembed(self._read(unembedding_sublayer(self.graph.n_layers), written)[:, 0])

    def _component(self, sublayer: int, written: Outputs) -> Float[Tensor, "row writer position d_model"]:
        layer, is_mlp = split_sublayer(sublayer)
        block = self.anatomy.blocks[layer]
        inputs = self._read(sublayer, written)
        if is_mlp:
            return block.mlp(inputs)
        attention = block.attention
        mixed = attention.mix_reads(inputs, self.context)
        return attention.share(attention.write(mixed))

    def _read(self, sublayer: int, written: Outputs) -> Float[Tensor, "row destination position d_model"]:
        """Give what the destinations of a sublayer read; one shared axis if no row cuts anything there."""
        numbers = Columns(self.graph)
        columns, n_sources = numbers.of(sublayer), numbers.readable(sublayer)
        written = written[:, :n_sources]
        kept = self.kept[:, :n_sources, columns].transpose(1, 2)
        total = constant_stream(self.anatomy, sublayer, self.position)
        total = None if total is None else total[:, None]
        # Where no row cuts anything here, all destinations read one sum, without a matrix product.
        # Not while gradients of the mask are wanted, which are there even where every edge is kept.
        if not kept.requires_grad and bool((kept == 1).all()):
            shared = written.sum(1, keepdim=True)
            return shared if total is None else shared + total
        total = _add_mix(total, kept, written)
        if self.ablated is None:
            return total
        # Two products and not one of the difference: written - ablated would lose digits where both are large.
        return _add_mix(total, 1 - kept, self.ablated[:, :n_sources].expand(len(written), -1, *written.shape[2:3], -1))

    def _masked(self, outputs: Outputs, first: int) -> Outputs:
        """Outputs of the sources from ``first`` on, with their cut neurons ablated."""
        if self.neurons is None:
            return outputs
        rows = slice(first, first + outputs.shape[1])
        kept = self.neurons[:, rows, None, :]
        return outputs * kept if self.ablated is None else outputs * kept + self.ablated[:, rows] * (1 - kept)


def _add_mix(
    total: Float[Tensor, "#row #destination #position d_model"] | None,
    weights: Float[Tensor, "#row destination source"],
    outputs: Outputs,
) -> Float[Tensor, "row destination position d_model"]:
    """Add the sum over sources of weight times output: [row | 1, destination, source] x [row, source, ...]."""
    weights, flat = weights.expand(len(outputs), -1, -1), outputs.flatten(2)
    if total is None:
        mixed = torch.bmm(weights, flat)
    else:
        shape = (len(outputs), weights.shape[1], *outputs.shape[2:])
        mixed = torch.baddbmm(total.expand(shape).flatten(2), weights, flat)
    return mixed.unflatten(2, outputs.shape[2:])
