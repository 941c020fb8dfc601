"""Information flow routes: how much each source's output is part of what a destination reads."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import EdgeScores
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer("ifr", cost="1F", source="Ferrando and Voita 2024, arXiv 2403.00824")
def ifr(task: LocalizationTask) -> EdgeScores:
    """Proximity of each source's output to the whole input, as a share; no gradient, no counterfactual, no metric."""
    graph, engine = task.graph, task.engine
    scores = torch.zeros(len(graph.sources), len(graph.destinations), dtype=torch.float64)
    for batch in task.batches(work=engine.gradient_work):
        weights = engine.position_weights(batch.clean)
        streams, ran = engine.streams_and_outputs(batch.clean)
        written = engine.written(batch.clean, known=ran)
        for sublayer, read in enumerate(streams):
            near = torch.cat([_proximity(outputs, read) for _, outputs in written.before(sublayer)], dim=1)
            total = torch.einsum("esp,ep->s", _shares(near).double(), weights.double()).cpu()
            # Queries, keys and values of all heads read one stream, so that they share one score.
            scores[: len(total), engine.columns.of(sublayer)] += total[:, None]
    return EdgeScores(graph, (scores / len(task)).numpy())


def _proximity(
    outputs: Float[Tensor, "example source position d_model"], read: Float[Tensor, "example position d_model"]
) -> Float[Tensor, "example source position"]:
    """max(|x| - |x - out_u|, 0) in the L1 norm."""
    x = read[:, None]
    return (x.abs().sum(-1) - (x - outputs).abs().sum(-1)).clamp(min=0)


def _shares(proximity: Float[Tensor, "example source position"]) -> Float[Tensor, "example source position"]:
    """Proximity divided by its sum over sources; 0 where that sum is 0."""
    total = proximity.sum(1, keepdim=True)
    return torch.where(total > 0, proximity / total, 0.0)
