"""How far a score on a tier ranks methods as a reference does: Kendall's tau with a bootstrap interval."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from groundtruth.validity.references import Reference
from groundtruth.validity.tier_scores import TierScores
from mib.metrics.metric_validity import kendall_tau, tau_interval

LEAST_METHODS = 5
"""With fewer methods in common a rank correlation says too little."""


@dataclass(frozen=True)
class TierAgreement:
    """One score on one tier held against one reference.

    Attributes:
        tier: Name of the tier.
        score: Column of the track.
        reference: Name of the reference.
        tau: Kendall's tau-b, 1 if both rank alike, each from its best to its worst.
        interval: Ends of the 95 % interval, by bootstrap over methods.
        methods: The contestants that both have.
    """

    tier: str
    score: str
    reference: str
    tau: float
    interval: tuple[float, float]
    methods: tuple[str, ...]


def agreements(scores: Iterable[TierScores], references: Iterable[Reference]) -> list[TierAgreement]:
    """Hold every score on every tier against every reference that shares enough methods with it.

    Source: Kendall (1945), https://doi.org/10.1093/biomet/33.3.239 (tau-b).

    Args:
        scores: Scores of contestants, tier by tier.
        references: Rankings of methods without a truth.
    """
    references = tuple(references)
    found: list[TierAgreement] = []
    for one in scores:
        for reference in references:
            methods, columns = in_common(one.goodness, reference.goodness)
            if len(methods) < LEAST_METHODS:
                continue
            tau = kendall_tau(*columns)
            # All methods tie in one of the two: there is no order to agree with.
            if not math.isnan(tau):
                found.append(
                    TierAgreement(one.tier, one.score, reference.name, tau, tau_interval(*columns), tuple(methods))
                )
    return found


def in_common(
    one: Mapping[str, float], other: Mapping[str, float]
) -> tuple[list[str], tuple[list[float], list[float]]]:
    """List the methods that two scores share, sorted, and the values of each in that order."""
    methods = sorted(one.keys() & other.keys())
    return methods, ([one[method] for method in methods], [other[method] for method in methods])
