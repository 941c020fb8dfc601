"""How often interchanges give what a hypothesis predicts, on which pairs, and how MIB sums that up over sites.

Intervals are percentile bootstraps over pairs. Pairs that share an input are not independent, so with few distinct
inputs the true uncertainty is larger.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from mib.errors import ScoreError
from mib.featurization.featurizer import Featurizer
from mib.featurization.task import FeaturizationTask

RESAMPLES = 2000
"""Number of bootstrap draws of pairs for an interval."""

LEVEL = 0.95
"""Share of the bootstrap distribution that an interval holds."""


@dataclass(frozen=True)
class Estimate:
    """A share of pairs, with a bootstrap interval; all NaN if there is no pair.

    Attributes:
        value: The share.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Number of pairs.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class InterchangeScores:
    """How well a featurizer carries a variable.

    Attributes:
        accuracy: Share of all pairs that come out as predicted (interchange intervention accuracy).
        distinguishing: The same on pairs that go wrong if nothing is swapped: the others are right for free.
        cause: The same on the pairs that swap the variable.
        isolation: The same on the pairs that swap other variables, where nothing may change.
        disentangle: Mean of cause and isolation (RAVEL's score); NaN where either has no pair.
    """

    accuracy: Estimate
    distinguishing: Estimate
    cause: Estimate
    isolation: Estimate
    disentangle: Estimate


def interchange_scores(
    task: FeaturizationTask,
    featurizer: Featurizer,
    indices: Iterable[int] | None = None,
    *,
    examples: Int[Tensor, "chosen"] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> InterchangeScores:
    """Score a featurizer on a task.

    Args:
        task: The pairs, and what is expected of them.
        featurizer: Featurizer whose features are swapped in.
        indices: Features to swap; default: those that the featurizer selects.
        examples: Pairs to score on; default: the test split, or all pairs where it is empty.
        seed: Seed of the bootstrap.
        resamples: Number of times that pairs are drawn anew.

    Source: interchange intervention accuracy: Geiger et al. 2021, arXiv 2106.02997; cause and isolation: Huang et al.
    2024 (RAVEL), arXiv 2402.17700.
    """
    chosen = scored_examples(task) if examples is None else examples
    right = task.right(featurizer, indices, examples=chosen)
    isolates = torch.zeros_like(right) if task.isolates is None else task.isolates[chosen].to(right.device)
    return scores_of(right, distinguishing(task, examples=chosen), isolates, seed=seed, resamples=resamples)


def scores_of(
    right: Bool[Tensor, "pair"],
    distinguishes: Bool[Tensor, "pair"],
    isolates: Bool[Tensor, "pair"],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> InterchangeScores:
    """The scores of pairs that were run already.

    Args:
        right: True if each pair came out as predicted.
        distinguishes: True if it goes wrong if nothing is swapped.
        isolates: True if it is an isolation pair.
        seed: Seed of the bootstrap.
        resamples: Number of times that pairs are drawn anew.
    """
    # One generator for all estimates: their order is part of the result.
    rng = np.random.default_rng(seed)
    cause, causes = _bootstrapped(right[~isolates], rng, resamples)
    isolation, isolations = _bootstrapped(right[isolates], rng, resamples)
    both = _estimate((cause.value + isolation.value) / 2, (causes + isolations) / 2, cause.n + isolation.n)
    return InterchangeScores(
        accuracy=_bootstrapped(right, rng, resamples)[0],
        distinguishing=_bootstrapped(right[distinguishes], rng, resamples)[0],
        cause=cause,
        isolation=isolation,
        disentangle=both,
    )


def distinguishing(task: FeaturizationTask, *, examples: Int[Tensor, "chosen"] | None = None) -> Bool[Tensor, "chosen"]:
    """Return which pairs go wrong if nothing is swapped: only these say anything about a featurizer."""
    return ~task.right(Featurizer.subspace(torch.zeros(task.width, 0)), examples=examples)


def mean_squared_error(
    task: FeaturizationTask, featurizer: Featurizer, *, examples: Int[Tensor, "chosen"] | None = None
) -> float:
    """Mean squared distance of the numbers read from those expected: MIB's score of IOI, lower is better.

    Raises:
        ScoreError: If the task expects outputs, not numbers.
    """
    if task.answers.categorical:
        raise ScoreError("the task expects outputs, not numbers: use interchange_scores.")
    chosen = scored_examples(task) if examples is None else examples
    errors = [
        task.answers.squared_error(task.interchange(featurizer, examples=batch), batch)
        for batch in task.pairs.batches(chosen)
    ]
    return float(torch.cat(errors).double().mean())


def scored_examples(task: FeaturizationTask) -> Int[Tensor, "chosen"]:
    """The test split, or all examples where it is empty."""
    return task.split.test if len(task.split.test) else task.everything


def by_family(right: Bool[Tensor, "pair"], family: Int[Tensor, "pair"]) -> dict[int, float]:
    """The share of right pairs of each data set of counterfactuals, by its number; MIB's score of a site is their mean.

    Args:
        right: True if each pair came out as predicted.
        family: Data set that it is from.
    """
    numbers = family.unique().tolist()
    return {number: float(right[(family == number).to(right.device)].double().mean()) for number in numbers}


def bootstrap(right: Bool[Tensor, "pair"], *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """A share of pairs with its bootstrap interval.

    Args:
        right: True if each pair counts.
        seed: Seed of the bootstrap.
        resamples: Number of times that pairs are drawn anew.
    """
    return _bootstrapped(right, np.random.default_rng(seed), resamples)[0]


def _bootstrapped(right: Tensor, rng: np.random.Generator, resamples: int) -> tuple[Estimate, NDArray[np.float64]]:
    """A share, and its value on pairs drawn anew: a binomial, since each pair counts or does not."""
    n = len(right)
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0), np.full(resamples, math.nan)
    value = float(right.double().mean())
    # Drawing n pairs with replacement and counting those that are right is a binomial: no pair need be drawn.
    drawn = rng.binomial(n, value, size=resamples) / n
    return _estimate(value, drawn, n), drawn


def _estimate(value: float, drawn: NDArray[np.float64], n: int) -> Estimate:
    if math.isnan(value):
        return Estimate(math.nan, math.nan, math.nan, n)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), n)
