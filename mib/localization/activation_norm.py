"""A baseline without gradients: how large what an edge carries is."""

import torch

from mib.graph import EdgeScores, NodeScores
from mib.localization.reading import readers
from mib.localization.registry import localizer
from mib.task import LocalizationTask


@localizer("activation-norm", cost="2F", source="a baseline of this suite", levels=("edge", "node"))
def activation_norm(task: LocalizationTask) -> EdgeScores | NodeScores:
    """L2 norm of what cutting changes in the destination's projection, in the mean over positions and examples.

    The projection is to q, k, v, the MLP's hidden layer or the logits; a node's score is the norm of what cutting
    changes in its output. Under ``zero`` that is the norm of the activation itself.
    """
    engine, graph = task.engine, task.graph
    grams = [torch.matmul(weight, weight.mT) for weight in readers(engine.anatomy)]  # |xW|^2 = x W W' x'
    edges = torch.zeros(len(graph.sources), len(graph.destinations), dtype=torch.float64)
    nodes = torch.zeros(len(graph.sources), dtype=torch.float64)
    for batch in task.batches():
        change = engine.differences(batch.clean, batch.counterfactual).double()
        weights = engine.position_weights(batch.clean)
        nodes += torch.einsum("esp,ep->s", change.norm(dim=-1), weights).cpu()
        for step, gram in enumerate(grams):
            n_sources, columns = engine.columns.readable(step), engine.columns.of(step)
            for column, matrix in zip(range(columns.start, columns.stop), gram, strict=True):
                squares = ((change[:, :n_sources] @ matrix) * change[:, :n_sources]).sum(-1)
                edges[:n_sources, column] += torch.einsum("esp,ep->s", squares.clamp(min=0).sqrt(), weights).cpu()
    if task.level == "node":
        return NodeScores(graph, (nodes / len(task)).numpy())
    return EdgeScores(graph, (edges / len(task)).numpy())
