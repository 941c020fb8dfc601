"""Run a circuit: every destination reads kept edges from this run and cut edges from the ablation.

Layout: a row is one (circuit, example); source outputs are [row, source, position, d_model], so that what all
destinations of a half-layer read is one batched matrix product over sources.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import Graph
from mib.models.adapters import Anatomy, Context

Outputs = Float[Tensor, "row source position d_model"]
Stream = Float[Tensor, "row position d_model"]
Ablated = Float[Tensor, "#row source #position d_model"]


@dataclass(frozen=True)
class Columns:
    """Which destinations, and how many sources, belong to each step of the forward pass.

    Steps are numbered 2 * layer for attention, 2 * layer + 1 for the MLP, 2 * n_layers for the logits.
    """

    graph: Graph

    def of(self, step: int) -> slice:
        """Columns of the destinations of a step."""
        width = 3 * self.graph.n_heads + 1
        layer, is_mlp = divmod(step, 2)
        if layer == self.graph.n_layers:
            return slice(layer * width, layer * width + 1)
        start = layer * width
        return slice(start + width - 1, start + width) if is_mlp else slice(start, start + width - 1)

    def readable(self, step: int) -> int:
        """How many sources the destinations of a step can read."""
        return int(self.graph.n_readable[self.of(step).start])

    def written(self, step: int) -> int:
        """How many sources are computed before a step (in parallel blocks an MLP cannot read all of them)."""
        return self.readable(step) + (self.graph.n_heads if self.graph.parallel and step % 2 else 0)

    @property
    def n_steps(self) -> int:
        """Number of steps, the logits included."""
        return 2 * self.graph.n_layers + 1

    def writers(self, step: int) -> slice:
        """Rows of the sources that a step computes; of the embeddings for step -1."""
        if step < 0:
            return slice(0, 2 if self.graph.pos else 1)
        first = (2 if self.graph.pos else 1) + (step // 2) * (self.graph.n_heads + 1)
        heads = self.graph.n_heads
        return slice(first + heads, first + heads + 1) if step % 2 else slice(first, first + heads)

    def share(self, start: int) -> float:
        """Which share of the forward pass a run that starts at a step is."""
        return 1 - start / self.n_steps

    def step_of(self) -> list[int]:
        """The step of each destination."""
        steps = range(2 * self.graph.n_layers + 1)
        return [step for step in steps for _ in range(*self.of(step).indices(len(self.graph.destinations)))]


def constant_stream(
    anatomy: Anatomy, step: int, position: Float[Tensor, "#row position d_model"] | None
) -> Float[Tensor, "#row #position d_model"] | None:
    """What flows beside the sources into a step: the position embedding (unless a source) and attention biases."""
    layer, is_mlp = divmod(step, 2)
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
        ablated: What flows along cut edges, [row | 1, source, position | 1, d_model]; None for zeros.
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
            outputs: Outputs of the sources that are computed before step ``start`` in the full run.
            start: The first step that reads a cut edge; nothing before it is run.
        """
        written = self._masked(outputs, 0)
        for step in range(start, 2 * self.graph.n_layers):
            new = self._masked(self._component(step, written), written.shape[1])
            written = torch.cat((written, new), dim=1)
        return self.anatomy.unembed(self._read(2 * self.graph.n_layers, written)[:, 0])

    def _component(self, step: int, written: Outputs) -> Float[Tensor, "row writer position d_model"]:
        layer, is_mlp = divmod(step, 2)
        block = self.anatomy.blocks[layer]
        inputs = self._read(step, written)
        if is_mlp:
            return block.mlp(inputs)
        attention = block.attention
        shared = inputs.shape[1] == 1
        q, k, v = (inputs, inputs, inputs) if shared else inputs.chunk(3, dim=1)
        mixed = attention.mix(
            attention.queries(q, self.context), attention.keys(k, self.context), attention.values(v), self.context
        )
        return attention.share(attention.write(mixed))

    def _read(self, step: int, written: Outputs) -> Float[Tensor, "row destination position d_model"]:
        """What the destinations of a step read; one shared axis if no row cuts anything there."""
        columns, n_sources = Columns(self.graph).of(step), Columns(self.graph).readable(step)
        written = written[:, :n_sources]
        kept = self.kept[:, :n_sources, columns].transpose(1, 2)
        total = constant_stream(self.anatomy, step, self.position)
        total = None if total is None else total[:, None]
        if not kept.requires_grad and bool((kept == 1).all()):
            shared = written.sum(1, keepdim=True)
            return shared if total is None else shared + total
        total = _add_mix(total, kept, written)
        if self.ablated is None:
            return total
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
