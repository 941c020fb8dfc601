"""What methods reach on real models, and whether their rank on compiled models predicts it."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from groundtruth.evaluation.evaluator import ORACLE
from mib.metrics.metric_validity import kendall_tau, tau_interval

COLUMNS = ("mib_cpr", "mib_cmd", "cpr", "cmd")
"""What is measured without truth; in a summary their names begin with ``real_``."""

REAL = "real_"

PREDICTORS = ("auroc", "average_precision", "f1", "cmd", "cpr")
"""Columns over compiled models whose ranks are held against those on real ones."""

PREDICTED = ("real_cmd", "real_mib_cmd")

LEAST_METHODS = 4
"""With fewer methods no rank correlation is told."""


@dataclass(frozen=True)
class Prediction:
    """How far the rank of a method on compiled models predicts that on real ones.

    Attributes:
        column: Over compiled models.
        predicted: Over the tasks of real models.
        tau: Kendall's tau-b over methods, 1 if both rank alike, each from its best to its worst.
        n_methods: How many have a value in both columns; the oracle is no method.
        interval: Ends of the 95 % interval of tau, by bootstrap over methods.
    """

    column: str
    predicted: str
    tau: float
    n_methods: int
    interval: tuple[float, float]


def language_model_values(rows: Iterable[CircuitScores]) -> dict[str, list[float]]:
    """The columns of a method's rows on real models."""
    own = [row for row in rows if row.task]
    return {REAL + name: [float(getattr(row, name)) for row in own] for name in COLUMNS if own}


def predictions(
    means: Mapping[str, Mapping[str, float]],
    *,
    predictors: Sequence[str] = PREDICTORS,
    predicted_columns: Sequence[str] = PREDICTED,
    lower_is_better: Sequence[str] = ("cmd", "real_cmd", "real_mib_cmd"),
) -> tuple[Prediction, ...]:
    """Every rank correlation that there are enough methods for.

    Args:
        means: By method: the mean of each column.
        predictors: Columns over compiled models.
        predicted_columns: Columns over language models.
        lower_is_better: Columns in which less is better.
    """
    found: list[Prediction] = []
    for column in predictors:
        for predicted in predicted_columns:
            both = [m for name, m in means.items() if name != ORACLE and column in m and predicted in m]
            if len(both) < LEAST_METHODS:
                continue
            signs = [-1 if name in lower_is_better else 1 for name in (column, predicted)]
            ranked = [signs[0] * m[column] for m in both], [signs[1] * m[predicted] for m in both]
            tau = kendall_tau(*ranked)
            if not math.isnan(tau):
                found.append(Prediction(column, predicted, tau, len(both), tau_interval(*ranked)))
    return tuple(found)


def by_task(rows: Iterable[CircuitScores]) -> dict[str, dict[str, Any]]:
    """By real model and task, ``model/task``: how many pairs, and each method's row."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.task:
            found.setdefault(f"{row.model}/{row.task}", {})[row.method] = row
    return found


def mean_over(rows: Sequence[CircuitScores], column: str) -> float:
    """The mean of a column."""
    return statistics.fmean(float(getattr(row, column)) for row in rows)
