"""How MIB sums the scores of one method up over sites: the best position of each layer, then layers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from mib.errors import ScoreError


@dataclass(frozen=True)
class MibAggregate:
    """MIB's summary of one method over sites.

    Attributes:
        by_layer: Mean over data sets at the position chosen in each layer.
        positions: The position chosen in each layer.
        mean: Over layers.
        best: Score of the layer chosen.
        layer: The layer.
    """

    by_layer: tuple[float, ...]
    positions: tuple[int, ...]
    mean: float
    best: float
    layer: int


def mib_aggregate(
    scores: Float[np.ndarray, "dataset layer position"],
    *,
    choose_by: Float[np.ndarray, "dataset layer position"] | None = None,
    better: Literal["higher", "lower"] = "higher",
) -> MibAggregate:
    """Mean over data sets, best position of each layer, then mean and best over layers.

    Args:
        scores: Scores of one method, for each data set and site; NaN where there is no such site.
        choose_by: The same on another split, by which positions and layer are chosen. Default: ``scores`` itself, as
            MIB does, which makes every maximum optimistic.
        better: True if higher or lower is better (MIB's squared error of IOI).

    Raises:
        ScoreError: If the arrays do not fit together, or a layer has no score.

    Source: MIB, arXiv 2504.13151, causal variable track.
    """
    ruler = scores if choose_by is None else choose_by
    if scores.ndim != 3 or ruler.shape != scores.shape:
        raise ScoreError(
            f"scores have shape {scores.shape}, choose_by {ruler.shape}; expected one [dataset, layer, position]."
        )
    sign = 1.0 if better == "higher" else -1.0
    measured, ruling = scores.mean(axis=0), sign * ruler.mean(axis=0)
    # What either split lacks cannot be chosen, or its score would be NaN.
    ruling = np.where(np.isnan(ruling) | np.isnan(measured), -np.inf, ruling)
    empty = np.flatnonzero((ruling == -np.inf).all(axis=1))
    if len(empty):
        raise ScoreError(f"layer {empty[0]} has no position that every data set scores; leave the layer out.")
    positions = ruling.argmax(axis=1)
    layers = np.arange(len(positions))
    by_layer, layer = measured[layers, positions], int(ruling[layers, positions].argmax())
    return MibAggregate(
        by_layer=tuple(by_layer.tolist()),
        positions=tuple(positions.tolist()),
        mean=float(by_layer.mean()),
        best=float(by_layer[layer]),
        layer=layer,
    )
