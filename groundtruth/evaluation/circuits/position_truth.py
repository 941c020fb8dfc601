"""Which edges matter at which positions: each cut at one alone, on every pair of inputs of the greatest length."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.model import KnownModel
from mib import Engine
from mib.engine.metric import Examples, Logits
from mib.graph import Edge, Graph
from mib.localization.position_scores import PositionScores
from mib.metrics.roc import area_under_roc

MAX_PAIRS = 2**14
"""Pairs of inputs that are run, at most: 128 inputs with each other."""

_ROWS = 1024
"""Pairs whose results are in memory at once."""


@dataclass(frozen=True, eq=False)
class PositionTruth:
    """Edges that are live at single positions under resampling.

    An edge is live at a position if its cut there, with the clean value everywhere else, changes an output on some
    pair. That is neither implied by a live edge (whose positions may stand in for each other) nor does it imply one
    (half of a value may disturb where all of another does not).

    Attributes:
        graph: The edges.
        live: True where a cut changes an output [source, destination, position].
        n_pairs: Ordered pairs of inputs that were run: all there are.
    """

    graph: Graph
    live: NDArray[np.bool_]
    n_pairs: int

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges that are live at some position."""
        return tuple(edge for edge in self.graph.edges if self.at(edge))

    def at(self, edge: Edge | str) -> tuple[int, ...]:
        """The positions at which an edge is live, BOS being 0."""
        return tuple(np.flatnonzero(self.live[self.graph.index(edge)]).tolist())

    def auroc(self, scores: PositionScores) -> float:
        """Area under the ROC curve of ranking edges at positions by absolute score; ties count half.

        Raises:
            DomainError: If the scores are of another graph or other positions, or one is missing.
            ScoreError: If every edge is live at every position, or none is at any.
        """
        if scores.graph != self.graph or scores.values.shape != self.live.shape:
            raise DomainError(
                f"scores of {scores.graph} at {scores.values.shape[-1]} positions; expected {self.graph} at "
                f"{self.live.shape[-1]}, BOS among them."
            )
        sizes, live = np.abs(scores.values[self.graph.edge_index]).ravel(), self.live[self.graph.edge_index].ravel()
        if not np.isfinite(sizes).all():
            raise DomainError("a score is missing or not finite: score every edge at every position.")
        return area_under_roc(sizes, live)


def position_truth(model: KnownModel, *, max_pairs: int = MAX_PAIRS) -> PositionTruth:
    """Cut every edge at every position on every pair of inputs of the greatest length, in float64.

    Args:
        model: A compiled or trained model.
        max_pairs: Refuse models with more pairs.

    Raises:
        DomainError: If there are more pairs than that: a sample could not say that an edge does not matter.
    """
    length = max(model.domain.possible_lengths)
    # One more than fit: enough to tell that there are too many.
    most = int(max_pairs**0.5)
    inputs = model.domain.with_lengths(length, length).inputs(limit=most + 1).tokens
    if len(inputs) > most:
        raise DomainError(
            f"'{model.name}' has more than {most} inputs of length {length}, and with each other more than "
            f"max_pairs={max_pairs} pairs. Take a smaller model, or a higher limit."
        )
    tokens = model.encode(inputs, length=length)
    engine = Engine(model.module(torch.float64), tokens, graph=model.graph)
    codes = model.decoder.codes(engine.logits())
    counts = (tokens != model.bos_id) & (tokens != model.pad_id)

    def changes(logits: Logits, examples: Examples) -> Float[Tensor, "row"]:
        differs = model.decoder.differ(model.decoder.codes(logits), codes[examples])
        return (differs & counts[examples]).any(1).double()

    clean = torch.arange(len(inputs)).repeat_interleave(len(inputs))
    other = torch.arange(len(inputs)).repeat(len(inputs))
    live = list[NDArray[np.bool_]]()
    for position in range(tokens.shape[1]):
        found = torch.zeros(model.graph.edge_mask.shape, dtype=torch.bool)
        for rows in torch.arange(len(clean)).split(_ROWS):
            _, cut = engine.measure_single_cuts(changes, clean[rows], other[rows], position=position)
            found |= (cut > 0).any(0)  # NaN, where there is no edge, is not above 0
        live.append(found.numpy())
    return PositionTruth(model.graph, np.stack(live, axis=-1), len(clean))
