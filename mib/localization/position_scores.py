"""Scores of edges a position at a time: what an edge carries at one place of the sequence, all else as it is.

An edge from a source to a query, key, value, MLP or the logits adds what the source writes at each position to what
the destination reads there. Cut at one position alone, it carries the ablation there and the clean value everywhere
else; attention moves information between positions inside a head, between its keys or values and its queries.

Source: Haklay et al. 2025, position-aware edge attribution patching (PEAP), arXiv 2502.04577; without its schema, which
gives prompts of different lengths positions in common: all examples of a task are taken to agree on what stands where.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mib.errors import ScoreError
from mib.graph import Edge, EdgeScores, Graph
from mib.hyperparameters import Count
from mib.localization.edge_estimates import edge_estimates
from mib.localization.gradient_products import products_by_position
from mib.localization.objectives import require_gradient
from mib.localization.task import LocalizationTask


@dataclass(frozen=True, eq=False)
class PositionScores:
    """One number for each edge at each position: how much it matters there.

    Attributes:
        graph: The edges that are scored.
        values: float64 [source, destination, position]; NaN where there is no edge.

    Raises:
        ScoreError: If the values have another shape.
    """

    graph: Graph
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.graph.edge_mask.shape
        if self.values.ndim != 3 or self.values.shape[:2] != shape:
            raise ScoreError(
                f"position scores have shape {self.values.shape}; expected [{shape[0]}, {shape[1]}, position] "
                "(source, destination, position)."
            )
        object.__setattr__(self, "values", np.where(self.graph.edge_mask[..., None], self.values, np.nan))

    def at(self, position: int) -> EdgeScores:
        """The scores of one position."""
        return EdgeScores(self.graph, self.values[..., position])

    @property
    def total(self) -> EdgeScores:
        """The sum over positions: of first-order estimates, the estimate of the cut at all positions together."""
        return EdgeScores(self.graph, self.values.sum(-1))

    def top(self, n: int) -> list[tuple[Edge, int, float]]:
        """The n most important edges with the positions where they are so, by magnitude."""
        sources, destinations = self.graph.edge_index
        flat = self.values[sources, destinations]  # [edge, position]
        order = np.argsort(-np.abs(flat), axis=None, kind="stable")[:n]
        places = zip(*np.unravel_index(order, flat.shape), strict=True)
        return [(self.graph.edges[edge], int(position), float(flat[edge, position])) for edge, position in places]


def attribute_positions(task: LocalizationTask, *, steps: Count | None = None) -> PositionScores:
    """Estimate each cut at each position to first order (PEAP); 2F + 1B, or 1F + m(F + B) with integrated gradients.

    Args:
        task: Pairs, metric and ablation.
        steps: Points between counterfactual and clean inputs, as ``eap-ig-inputs`` has them; None for the gradient of
            the clean run alone, as ``eap`` has it.

    Raises:
        MethodError: If the metric has no gradient.
    """
    require_gradient(task, by="attribute_positions")
    n_runs = steps or 1
    scores = torch.zeros(())
    for estimate in edge_estimates(task, products=products_by_position):
        for share in _shares(steps):
            estimate.at(share)
        scores = scores + estimate.scores
    return PositionScores(task.graph, (scores / (len(task) * n_runs)).numpy())


def cut_positions(task: LocalizationTask) -> PositionScores:
    """Measure each cut at each position, by running the model; positions x E x F at most.

    Args:
        task: Pairs, metric and ablation.
    """
    pairs, columns = task.everything, list[torch.Tensor]()
    for position in range(task.clean.shape[1]):
        uncut, cut = task.engine.measure_single_cuts(
            task.metric, pairs.clean, pairs.counterfactual, examples=pairs.examples, position=position
        )
        columns.append((uncut[:, None, None] - cut).double().mean(0).cpu())
    return PositionScores(task.graph, torch.stack(columns, dim=-1).numpy())


def _shares(steps: int | None) -> Iterator[float | None]:
    """Find where integrated gradients are taken; None stands for the clean run."""
    yield from (None,) if steps is None else (k / steps for k in range(steps))
