"""What all gradient methods share: a first-order estimate of a cut, source by destination.

Cutting u->v adds (ablated_u - clean_u) to what v reads; to first order the metric changes by that difference times
the metric's gradient at v's input. Scores are the loss of the metric, so cutting an important edge scores positive.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.task import Batch, LocalizationTask


def estimated_loss(
    difference: Float[Tensor, "example source position d_model"],
    gradient: Float[Tensor, "example destination position d_model"],
) -> Float[Tensor, "source destination"]:
    """Minus difference times gradient, summed over examples, positions and dimensions (float64)."""
    a, b = (x.flatten(2) if x.dtype == torch.float64 else x.flatten(2).float() for x in (difference, gradient))
    return -torch.matmul(a, b.transpose(1, 2)).sum(0, dtype=torch.float64)


def gradients_at(
    task: LocalizationTask, batch: Batch, embedding: Float[Tensor, "example position d_model"] | None = None
) -> Float[Tensor, "example destination position d_model"]:
    """The metric's gradient at each destination's input, on the clean run or on that of another embedding."""
    trace = task.engine.trace(batch.clean, embedding=embedding)
    return trace.destination_gradients(task.metric(trace.logits, batch.examples).sum())


def embeddings(
    task: LocalizationTask, batch: Batch
) -> tuple[Float[Tensor, "example position d_model"], Float[Tensor, "example position d_model"]]:
    """What the token embedding writes on the clean input, and what flows when it is cut."""
    clean = task.engine.outputs(batch.clean)[:, 0]
    ablated = task.engine.ablated(batch.counterfactual)
    return clean, torch.zeros_like(clean) if ablated is None else ablated[:, 0].expand_as(clean)
