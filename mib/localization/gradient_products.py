"""What all gradient methods share: a first-order estimate of a cut.

Cutting u->v adds (ablated_u - clean_u) to what v reads; to first order the metric changes by that difference times
the metric's gradient at v's input. Scores are what the metric loses, so an edge that matters scores positive.
"""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.checkpointed_backward import Visit
from mib.engine.source_changes import Changes, CompactOutputs
from mib.localization.task import Batch, LocalizationTask

Embedding = Float[Tensor, "example position d_model"]


def sum_of_products(
    task: LocalizationTask,
    changes: Changes,
    gradients: Iterable[tuple[int, Float[Tensor, "example destination position d_model"]]],
    *,
    weights: Float[Tensor, "draw example"] | None = None,
) -> Float[Tensor, "*draw source destination"]:
    """Minus change times gradient, for some sublayers of the forward pass and all that each of them can read.

    Summed over examples in float64, over positions and dimensions in float32 or better.

    Args:
        task: Whose edges; entries that are no edges come out as 0.
        changes: Ablated minus clean, of each source's output.
        gradients: Sublayers, and the metric's gradient at each destination's input.
        weights: Number of times that each draw counts each example; None: one sum that counts each once.
    """
    edges = (len(task.graph.sources), len(task.graph.destinations))
    scores = torch.zeros(*(() if weights is None else (len(weights),)), *edges, dtype=torch.float64)
    for sublayer, gradient in gradients:
        columns, read = task.engine.columns.of(sublayer), _precise(gradient).flatten(2).mT
        for rows, change in changes.before(sublayer):
            # Over positions and dimensions in single precision: a matrix product; over examples, of which there may
            # be many of either sign, in double.
            product = torch.matmul(_precise(change).flatten(2), read)
            if weights is None:
                scores[rows, columns] = -product.sum(0, dtype=torch.float64).cpu()
            else:
                scores[:, rows, columns] = -torch.einsum("re,esd->rsd", weights, product.double().cpu())
    return scores


def products_by_position(
    task: LocalizationTask,
    changes: Changes,
    gradients: Iterable[tuple[int, Float[Tensor, "example destination position d_model"]]],
    *,
    weights: None = None,
) -> Float[Tensor, "source destination position"]:
    """Multiply as ``sum_of_products`` does, summed over examples and dimensions but not over positions.

    No more is in memory at once than there: one position's products after the other.
    """
    edges = (len(task.graph.sources), len(task.graph.destinations))
    scores = torch.zeros(*edges, task.clean.shape[1], dtype=torch.float64)
    for sublayer, gradient in gradients:
        columns, read = task.engine.columns.of(sublayer), _precise(gradient)
        for rows, change in changes.before(sublayer):
            for position in range(scores.shape[-1]):
                product = torch.matmul(_precise(change[:, :, position]), read[:, :, position].mT)
                scores[rows, columns, position] = -product.sum(0, dtype=torch.float64).cpu()
    return scores


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def clean_gradients(task: LocalizationTask, batch: Batch) -> tuple[CompactOutputs, Callable[[Visit], object]]:
    """Run the clean inputs, and prepare the metric's gradients there.

    Args:
        task: Whose metric.
        batch: Whose examples.

    Returns:
        Outputs of the sources, and a function that hands over each sublayer and the gradient at its destinations'
        inputs, from the logits' to the first. All are in memory at once, or a sublayer's at a time where they would not
        fit.
    """
    engine = task.engine
    embedded = engine.embeddings(batch.clean)

    def loss(logits: Tensor) -> Tensor:
        return task.metric(logits, batch.examples).sum()

    if engine.must_stream:
        backward = engine.checkpointed_backward(batch.clean)
        return backward.written(embedded), partial(backward.back, loss)
    trace = engine.trace(batch.clean)

    def visit_all(visit: Visit) -> None:
        for sublayer, gradient in reversed([*enumerate(trace.destination_gradients(loss(trace.logits)))]):
            visit(sublayer, gradient)

    return trace.written(embedded), visit_all


def embeddings(task: LocalizationTask, batch: Batch) -> tuple[Embedding, Embedding]:
    """Give what the token embedding writes on the clean input, and what flows where it is cut."""
    engine = task.engine
    clean = engine.anatomy.embed(engine.tokens(batch.clean)[0])
    if engine.ablation == "resample":
        return clean, engine.anatomy.embed(engine.tokens(batch.counterfactual)[0])
    ablated = engine.ablated(batch.counterfactual)
    return clean, torch.zeros_like(clean) if ablated is None else ablated[:, 0].expand_as(clean)
