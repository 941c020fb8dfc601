"""Whether the rank of a method on compiled models predicts its rank on language models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mib.metrics.metric_validity import kendall_tau, tau_interval

LANGUAGE_MODEL = "real_"
"""Prefix of the columns of language models in a summary that has compiled models too."""

LEAST_METHODS = 4
"""With fewer methods no rank correlation is told."""


@dataclass(frozen=True)
class Prediction:
    """How far the rank of a method on compiled models predicts that on language models.

    Attributes:
        column: Column over compiled models.
        predicted: Column over the tasks of language models.
        tau: Kendall's tau-b over methods, 1 if both rank alike, each from its best to its worst.
        n_methods: Number of methods with a value in both columns.
        interval: Ends of the 95 % interval of tau, by bootstrap over methods.
    """

    column: str
    predicted: str
    tau: float
    n_methods: int
    interval: tuple[float, float]


def predictions(
    means: Mapping[str, Mapping[str, float]],
    *,
    predictors: Sequence[str],
    predicted_columns: Sequence[str],
    lower_is_better: Sequence[str] = (),
) -> tuple[Prediction, ...]:
    """Every rank correlation that there are enough methods for.

    Args:
        means: By method, controls left out: the mean of each column.
        predictors: Columns over compiled models.
        predicted_columns: Columns over language models.
        lower_is_better: Columns in which less is better.
    """
    found: list[Prediction] = []
    for column in predictors:
        for predicted in predicted_columns:
            both = [m for m in means.values() if column in m and predicted in m]
            if len(both) < LEAST_METHODS:
                continue
            signs = [-1 if name in lower_is_better else 1 for name in (column, predicted)]
            ranked = [signs[0] * m[column] for m in both], [signs[1] * m[predicted] for m in both]
            tau = kendall_tau(*ranked)
            if not math.isnan(tau):
                found.append(Prediction(column, predicted, tau, len(both), tau_interval(*ranked)))
    return tuple(found)
