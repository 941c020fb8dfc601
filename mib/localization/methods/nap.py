"""Node and neuron attribution patching, with the gradient at the node's output."""

from typing import Literal

import torch

from mib.graph import NeuronScores, NodeScores
from mib.hyperparameters import Count
from mib.localization.gradient_products import Embedding, embeddings
from mib.localization.registry import localizer
from mib.localization.task import Batch, LocalizationTask
from mib.models.adapters.parts import Stream
from mib.sublayers import EMBEDDINGS, mlp_sublayer

GradientAt = Literal["output", "input"]
SOURCE = "Nanda 2023, attribution patching; Mueller et al. 2025 (MIB), arXiv 2504.13151"


@localizer("nap", cost="3F+1B", source=SOURCE, levels=("node", "neuron"), needs_gradient=True)
def nap(task: LocalizationTask, *, mlp_gradient_at: GradientAt = "output") -> NodeScores | NeuronScores:
    """First-order estimate of cutting a node, or one dimension of its output, for all its readers.

    Args:
        task: What to localize.
        mlp_gradient_at: ``output``, or ``input`` for the error of EAP-IG before its pull request 23, which
            multiplies an MLP's output difference by the gradient at its *input*; MIB's node columns carry it.
    """
    return _attribute(task, [None], mlp_gradient_at)


@localizer("nap-ig", cost="2F+m(F+B)", source=SOURCE, levels=("node", "neuron"), needs_gradient=True)
def nap_ig(
    task: LocalizationTask, *, steps: Count = 5, mlp_gradient_at: GradientAt = "output"
) -> NodeScores | NeuronScores:
    """As ``nap``, with gradients averaged over token embeddings between ablated and clean.

    Args:
        task: What to localize.
        steps: Points on the way, m; point k of m is ablated + k/m (clean - ablated), k = 1..m.
        mlp_gradient_at: As for ``nap``.
    """
    return _attribute(task, [k / steps for k in range(1, steps + 1)], mlp_gradient_at)


def _attribute(
    task: LocalizationTask, points: list[float] | list[None], mlp_gradient_at: GradientAt
) -> NodeScores | NeuronScores:
    neurons = torch.zeros(len(task.graph.sources), task.graph.d_model, dtype=torch.float64)
    for batch in task.batches():
        clean, ablated = embeddings(task, batch)
        embedded = (None if point is None else torch.lerp(ablated, clean, point) for point in points)
        each = [_gradients(task, batch, embedding, mlp_gradient_at) for embedding in embedded]
        changes = task.engine.changes(batch.clean, batch.counterfactual)
        for sublayer, gradients in enumerate(zip(*each, strict=True), EMBEDDINGS):
            products = torch.einsum(
                "ewpd,epd->wd", changes.of(sublayer).double(), sum(gradients, torch.zeros(())).double()
            )
            # Minus: a score is what the metric loses by a cut, and changes are ablated less clean.
            neurons[task.engine.columns.writers(sublayer)] -= products.cpu()
    neurons /= len(task) * len(points)
    if task.level == "neuron":
        return NeuronScores(task.graph, neurons.numpy())
    return NodeScores(task.graph, neurons.sum(1).numpy())


def _gradients(
    task: LocalizationTask, batch: Batch, embedding: Embedding | None, mlp_gradient_at: GradientAt
) -> tuple[Stream, ...]:
    """The metric's gradient at what each sublayer writes, embeddings first: that of the stream just after it."""
    stream = None if embedding is None else embedding + task.engine.position(batch.clean)
    trace = task.engine.trace(batch.clean, stream=stream, split=False)
    loss = task.metric(trace.logits, batch.examples).sum()
    start, *written = trace.output_gradients(loss)
    if mlp_gradient_at == "input":
        written[mlp_sublayer(0) :: 2] = trace.mlp_read_gradients(loss)
    return start, *written
