"""Does a metric rank methods as the exact scores do? Kendall's tau between columns of a result table.

Intervals are percentile bootstraps over methods, drawn anew together on all models: the methods are the sample.

Source: Kendall (1945), "The treatment of ties in ranking problems", https://doi.org/10.1093/biomet/33.3.239 (tau-b).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError, did_you_mean

RESAMPLES = 2000
"""Number of bootstrap draws of methods for an interval."""

Table = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Model -> method -> column -> value; None, NaN or an absent column where a method has no value."""


@dataclass(frozen=True)
class Agreement:
    """How far two columns rank methods alike.

    Attributes:
        tau: Kendall's tau-b in [-1, 1]; NaN if one of the columns never tells two methods apart.
        n_methods: Methods that have a value in both columns.
        n_pairs: Pairs of methods that were compared.
    """

    tau: float
    n_methods: int
    n_pairs: int


@dataclass(frozen=True)
class Validity:
    """Agreement of one metric with one exact score.

    Attributes:
        metric: Column of the metric, such as ``cpr``.
        exact: Column of the exact score, such as ``auroc``.
        per_model: Agreement over the methods of each model.
        overall: Agreement over all pairs of methods within a model; pairs across models are not compared, because
            a metric's level differs between models.
        n_methods: Methods with both values on some model.
        interval: Ends of the 95 % interval of the overall tau, by bootstrap over methods; NaN where there is none.
    """

    metric: str
    exact: str
    per_model: Mapping[str, Agreement]
    overall: Agreement
    n_methods: int
    interval: tuple[float, float]


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-b of two columns: 1 for the same order, -1 for the reverse, NaN if a column is constant.

    Raises:
        ScoreError: If the columns differ in length or a value is not finite.
    """
    columns = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    if columns[0].shape != columns[1].shape or columns[0].ndim != 1:
        raise ScoreError(f"the columns have {len(one)} and {len(other)} values; give one of each for every method.")
    if not all(np.isfinite(column).all() for column in columns):
        raise ScoreError("a value is not finite; leave out methods without a value.")
    return _tau([_Pairs.of(*columns)])


def tau_interval(one: Sequence[float], other: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Find the 95 % interval of Kendall's tau-b of two columns, by bootstrap over their entries.

    Args:
        one: A value for each method.
        other: Another, in the same order.
        seed: Seeds the bootstrap.

    Returns:
        Its ends; NaN where no resample tells two methods apart.
    """
    columns = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    return _bootstrapped([(np.arange(len(columns[0])), *columns)], len(columns[0]), seed)


def metric_validity(
    table: Table, *, metrics: Sequence[str], exact: Sequence[str], lower_is_better: Sequence[str] = ("cmd",)
) -> tuple[Validity, ...]:
    """Agreement of every metric with every exact score, per model and overall.

    Args:
        table: Values of all methods on all models. A method without a value in a column is left out there.
        metrics: Columns of metrics that need no truth.
        exact: Columns of exact scores.
        lower_is_better: Columns in which lower values are better; their order is reversed.

    Returns:
        One entry for each (metric, exact) in the order given.

    Raises:
        ScoreError: If the table has no such column anywhere.
    """
    known = {column for methods in table.values() for row in methods.values() for column in row}
    for column in (*metrics, *exact):
        if column not in known:
            raise ScoreError(
                f"the table has no column '{column}'.{did_you_mean(column, known)} It has: {', '.join(sorted(known))}."
            )
    return tuple(_validity(table, metric, score, lower_is_better) for metric in metrics for score in exact)


def _validity(table: Table, metric: str, exact: str, lower_is_better: Sequence[str]) -> Validity:
    signs = [-1.0 if column in lower_is_better else 1.0 for column in (metric, exact)]
    pairs: dict[str, _Pairs] = {}
    places: dict[str, int] = {}
    samples: list[_Sample] = []
    for model, methods in table.items():
        rows = {name: (row.get(metric), row.get(exact)) for name, row in methods.items()}
        known = {name: (a, b) for name, (a, b) in rows.items() if a is not None and b is not None}
        # NaN and infinity have no place in an order; a method that has one is left out of this model alone.
        known = {name: both for name, both in known.items() if all(map(math.isfinite, both))}
        columns = np.array(list(known.values()), dtype=np.float64).reshape(-1, 2) * signs
        pairs[model] = _Pairs.of(columns[:, 0], columns[:, 1])
        # By name, so that a resample draws a method on all models at once, also where some lack it.
        where = np.array([places.setdefault(name, len(places)) for name in known], dtype=np.int64)
        samples.append((where, columns[:, 0], columns[:, 1]))
    per_model = {model: _agreement([own]) for model, own in pairs.items()}
    overall = _agreement(list(pairs.values()))
    return Validity(metric, exact, per_model, overall, len(places), _bootstrapped(samples, len(places), seed=0))


_Sample = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
"""One model: the places of its methods among all methods, and both columns."""


def _bootstrapped(samples: Sequence[_Sample], n_methods: int, seed: int) -> tuple[float, float]:
    """The 95 % interval of tau over resamples of methods; the same methods are drawn on every model.

    A resample is a vector of how often each method is drawn. Tau's sums over pairs are quadratic forms in it, so that
    all resamples are three products of matrices; a method paired with its own copy is a tie and adds nothing.
    """
    agreeing, first, second = (np.zeros((n_methods, n_methods)) for _ in range(3))
    for where, one, other in samples:
        a, b = (np.sign(column[:, None] - column[None, :]) for column in (one, other))
        cells = np.ix_(where, where)
        agreeing[cells] += a * b
        first[cells] += a * a
        second[cells] += b * b
    drawn = np.random.default_rng(seed).integers(n_methods, size=(RESAMPLES, n_methods)) if n_methods else None
    if drawn is None:
        return math.nan, math.nan
    counts = np.stack([np.bincount(row, minlength=n_methods) for row in drawn]).astype(np.float64)
    sums = [np.einsum("ri,ij,rj->r", counts, matrix, counts, optimize=True) for matrix in (agreeing, first, second)]
    # A resample of one method, or of ties alone, orders nothing and has no tau.
    ordered = sums[1] * sums[2]
    taus = sums[0][ordered > 0] / np.sqrt(ordered[ordered > 0])
    if not len(taus):
        return math.nan, math.nan
    low, high = np.quantile(taus, (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """For every pair of methods, in which order each column has them: -1, 0 for a tie, or 1."""

    one: NDArray[np.float64]
    other: NDArray[np.float64]
    n_methods: int

    @classmethod
    def of(cls, one: NDArray[np.float64], other: NDArray[np.float64]) -> "_Pairs":
        upper = np.triu_indices(len(one), k=1)
        first, second = (np.sign(column[:, None] - column[None, :])[upper] for column in (one, other))
        return cls(first, second, len(one))


def _agreement(pairs: Sequence[_Pairs]) -> Agreement:
    return Agreement(_tau(pairs), sum(p.n_methods for p in pairs), sum(len(p.one) for p in pairs))


def _tau(pairs: Sequence[_Pairs]) -> float:
    """(concordant - discordant) / sqrt(pairs that one column orders * pairs that the other orders)."""
    # Pairs are compared within a model and added up over models: scores of two models are not on one scale.
    agreeing = sum(float(p.one @ p.other) for p in pairs)
    ordered = sum(float(p.one @ p.one) for p in pairs) * sum(float(p.other @ p.other) for p in pairs)
    return agreeing / math.sqrt(ordered) if ordered else math.nan
