"""A baseline without gradients: how large what an edge carries is."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import EdgeScores, NodeScores
from mib.localization.reader_matrices import reader
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.sublayers import reading_sublayers, writing_sublayers


@localizer("activation-norm", cost="2F", source="a baseline of this suite", levels=("edge", "node"), control=True)
def activation_norm(task: LocalizationTask) -> EdgeScores | NodeScores:
    """L2 norm of what cutting changes in the destination's projection, in the mean over positions and examples.

    The projection is to q, k, v, the MLP's hidden layer or the logits; a node's score is the norm of what cutting
    changes in its output. Under ``zero`` that is the norm of the activation itself.
    """
    engine, graph = task.engine, task.graph
    edges = torch.zeros(len(graph.sources), len(graph.destinations), dtype=torch.float64)
    nodes = torch.zeros(len(graph.sources), dtype=torch.float64)
    for batch in task.batches(work=engine.gradient_work):
        changes, weights = engine.changes(batch.clean, batch.counterfactual), engine.position_weights(batch.clean)
        for sublayer in writing_sublayers(graph.n_layers):
            sizes = changes.of(sublayer).double().norm(dim=-1)
            nodes[engine.columns.writers(sublayer)] += torch.einsum("esp,ep->s", sizes, weights).cpu()
        for sublayer in reading_sublayers(graph.n_layers) if task.level == "edge" else ():
            columns = range(*engine.columns.of(sublayer).indices(len(graph.destinations)))
            only = _Size(engine.anatomy, sublayer, 0) if len(columns) == 1 else None
            for rows, change in changes.before(sublayer):
                for number, column in enumerate(columns):
                    size = only or _Size(engine.anatomy, sublayer, number)
                    edges[rows, column] += torch.einsum("esp,ep->s", size(change.double()), weights).cpu()
    if task.level == "node":
        return NodeScores(graph, (nodes / len(task)).numpy())
    return EdgeScores(graph, (edges / len(task)).numpy())


class _Size:
    """The L2 norm of what a destination reads of a change."""

    def __init__(self, anatomy: Anatomy, sublayer: int, number: int) -> None:
        parts = reader(anatomy, sublayer, number)
        self._matrix = next(parts)
        self._gram = self._matrix @ self._matrix.mT if self._matrix.shape[1] > len(self._matrix) else None
        for part in parts:
            self._gram = (self._matrix @ self._matrix.mT if self._gram is None else self._gram) + part @ part.mT

    def __call__(
        self, change: Float[Tensor, "example source position d_model"]
    ) -> Float[Tensor, "example source position"]:
        if self._gram is None:
            return (change @ self._matrix).norm(dim=-1)
        # Where the matrix is wider than d_model; rounding may make a square of 0 negative.
        return ((change @ self._gram) * change).sum(-1).clamp(min=0).sqrt()  # |xW|^2 = x W W' x'
