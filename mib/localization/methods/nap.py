"""Node and neuron attribution patching, with the gradient at the node's output.

At the level of edges a ranking of nodes is read as MIB reads it: a circuit of nodes holds every edge between two that
were chosen, so that an edge comes in with the later of its two ends.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import NDArray

from mib.engine.gradients import Trace
from mib.engine.source_changes import KnownOutputs
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.hyperparameters import Count
from mib.localization.gradient_products import Embedding, embeddings
from mib.localization.registry import localizer
from mib.localization.task import Batch, LocalizationTask
from mib.metrics.circuit_selection import owners
from mib.models.adapters.parts import Stream
from mib.sublayers import EMBEDDINGS, mlp_sublayer

GradientAt = Literal["output", "input"]
SOURCE = "Nanda 2023, attribution patching; Mueller et al. 2025 (MIB), arXiv 2504.13151"


@localizer("nap", cost="2F+1B", source=SOURCE, levels=("edge", "node", "neuron"), needs_gradient=True)
def nap(task: LocalizationTask, *, mlp_gradient_at: GradientAt = "output") -> EdgeScores | NodeScores | NeuronScores:
    """First-order estimate of cutting a node, or one dimension of its output, for all its readers.

    An edge scores as MIB's circuits of nodes take it, see ``edges_between``.

    Args:
        task: Task of the circuit to localize.
        mlp_gradient_at: ``output``, or ``input`` for the error of EAP-IG before its pull request 23, which
            multiplies an MLP's output difference by the gradient at its *input*; MIB's node columns carry it.
    """
    return _attribute(task, [None], mlp_gradient_at)


@localizer("nap-ig", cost="1F+m(F+B)", source=SOURCE, levels=("edge", "node", "neuron"), needs_gradient=True)
def nap_ig(
    task: LocalizationTask, *, steps: Count = 5, mlp_gradient_at: GradientAt = "output"
) -> EdgeScores | NodeScores | NeuronScores:
    """As ``nap``, with gradients averaged over token embeddings between ablated and clean.

    Args:
        task: Task of the circuit to localize.
        steps: Points on the way, m; point k of m is ablated + k/m (clean - ablated), k = 1..m.
        mlp_gradient_at: As for ``nap``.
    """
    return _attribute(task, [k / steps for k in range(1, steps + 1)], mlp_gradient_at)


def _attribute(
    task: LocalizationTask, points: list[float] | list[None], mlp_gradient_at: GradientAt
) -> EdgeScores | NodeScores | NeuronScores:
    neurons = torch.zeros(len(task.graph.sources), task.graph.d_model, dtype=torch.float64)
    for batch in task.batches():
        each, run = list[tuple[Stream, ...]](), None
        for embedding in _embeddings_at(task, batch, points):
            run, gradients = _gradients(task, batch, embedding, mlp_gradient_at)
            each.append(gradients)
        # The last point is the clean run.
        known = KnownOutputs(run and run.written(task.engine.embeddings(batch.clean)))
        changes = task.engine.changes(batch.clean, batch.counterfactual, known=known)
        for sublayer, gradients in enumerate(zip(*each, strict=True), EMBEDDINGS):
            products = torch.einsum(
                "ewpd,epd->wd", changes.of(sublayer).double(), sum(gradients, torch.zeros(())).double()
            )
            # Minus: a score is what the metric loses by a cut, and changes are ablated less clean.
            neurons[task.engine.columns.writers(sublayer)] -= products.cpu()
    neurons /= len(task) * len(points)
    if task.level == "neuron":
        return NeuronScores(task.graph, neurons.numpy())
    nodes = neurons.sum(1).numpy()
    return edges_between(task.graph, nodes) if task.level == "edge" else NodeScores(task.graph, nodes)


def edges_between(graph: Graph, nodes: Float64[NDArray[np.float64], "source"]) -> EdgeScores:
    """Score each edge by the end that a circuit of nodes takes later: the lesser size, negative if either end is.

    Args:
        graph: Whose edges.
        nodes: Scores of the sources. The logits are in every circuit, so that an edge into them scores as its source.
    """
    owner = owners(graph)
    into = np.where(owner >= 0, nodes[owner], np.inf)
    lesser = np.minimum(np.abs(nodes)[:, None], np.abs(into))
    sign = np.where((nodes[:, None] < 0) | (into < 0), -1.0, 1.0)
    return EdgeScores(graph, np.where(graph.edge_mask, sign * lesser, np.nan))


def _embeddings_at(
    task: LocalizationTask, batch: Batch, points: list[float] | list[None]
) -> Iterator[Embedding | None]:
    for point in points:
        if point is None:
            yield None
        else:
            clean, ablated = embeddings(task, batch)
            yield torch.lerp(ablated, clean, point)


def _gradients(
    task: LocalizationTask, batch: Batch, embedding: Embedding | None, mlp_gradient_at: GradientAt
) -> tuple[Trace, tuple[Stream, ...]]:
    """A run, and the metric's gradient at what each sublayer writes: that of the stream just after it."""
    stream = None if embedding is None else embedding + task.engine.position(batch.clean)
    trace = task.engine.trace(batch.clean, stream=stream, split=False)
    loss = task.metric(trace.logits, batch.examples).sum()
    start, *written = trace.output_gradients(loss)
    if mlp_gradient_at == "input":
        written[mlp_sublayer(0) :: 2] = trace.mlp_read_gradients(loss)
    return trace, (start, *written)
