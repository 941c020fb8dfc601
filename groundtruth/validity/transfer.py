"""The transfer score: tiers weighted so that they rank methods as references do, tested on what was left out.

Weights are not negative and are fitted to ranks, of all references but the one that is tested; each method is scored
with weights for which it was left out too. What is told of a score is what it reaches on what it has not seen. Beside
it stands the plain mean of ranks, since equal weights often predict as well as fitted ones where cases are few (Dawes
1979, https://doi.org/10.1037/0003-066X.34.7.571).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundtruth.validity.agreement import LEAST_METHODS
from groundtruth.validity.references import Reference
from groundtruth.validity.tier_scores import TierScores
from mib.metrics.metric_validity import kendall_tau, tau_interval

Ranks = dict[str, float]
"""Standing of each method: the share of the methods that it stands above, from 0 to 1; ties share their mean."""


@dataclass(frozen=True)
class Transfer:
    """A transfer score tested on one reference that its weights were not fitted to.

    Attributes:
        reference: Name of the reference that was left out.
        tau: Kendall's tau-b between the reference and the score of each method, itself left out of the fit.
        interval: Ends of the 95 % interval, by bootstrap over methods.
        methods: The methods that were ranked.
        weights: Share of each tier when all other references and all methods are fitted; they sum to 1.
        fitted_to: Names of the references that the weights were fitted to.
        equal_tau: Tau where all tiers weigh alike, which no reference has a part in: what the fit has to beat.
        equal_interval: Ends of its 95 % interval, by the same bootstrap.
    """

    reference: str
    tau: float
    interval: tuple[float, float]
    methods: tuple[str, ...]
    weights: Mapping[str, float]
    fitted_to: tuple[str, ...]
    equal_tau: float
    equal_interval: tuple[float, float]


def transfers(scores: Sequence[TierScores], references: Sequence[Reference]) -> list[Transfer]:
    """Test the transfer score on each reference in turn.

    References that come from one source are left out together: they share their measurements.

    Args:
        scores: One score, tier by tier.
        references: Rankings of methods without a truth.
    """
    tiers = {one.tier: ranks(one.goodness) for one in scores}
    alike = {tier: 1 / len(tiers) for tier in tiers}
    found: list[Transfer] = []
    for tested in references:
        others = [one for one in references if one.source != tested.source]
        known = [method for method in tested.values if all(method in column for column in tiers.values())]
        if len(known) < LEAST_METHODS or not others or not tiers:
            continue
        weights = fit(tiers, others)
        fitted = [score_of(method, tiers, fit(tiers, others, without=method)) for method in known]
        equal = [score_of(method, tiers, alike) for method in known]
        wanted = [tested.goodness[method] for method in known]
        tau = kendall_tau(fitted, wanted)
        if not math.isnan(tau):
            found.append(
                Transfer(
                    reference=tested.name,
                    tau=tau,
                    interval=tau_interval(fitted, wanted),
                    methods=tuple(known),
                    weights=weights,
                    fitted_to=tuple(one.name for one in others),
                    equal_tau=kendall_tau(equal, wanted),
                    equal_interval=tau_interval(equal, wanted),
                )
            )
    return found


def transfer_scores(
    own: Sequence[TierScores], scores: Sequence[TierScores], references: Sequence[Reference]
) -> dict[str, float]:
    """Take the transfer score of methods that were run on the models that the weights rest on.

    Args:
        own: One score of the methods, tier by tier.
        scores: The same of the contestants that were measured before.
        references: All that the weights are fitted to.

    Returns:
        By method a number from 0 to 1: on each tier the share of those contestants, itself aside, that it stands
        above, weighted. None where a tier that has a weight was not run, or on other models.
    """
    known = {one.tier: one for one in scores}
    weights = fit({tier: ranks(one.goodness) for tier, one in known.items()}, references)
    weights = {tier: weight for tier, weight in weights.items() if weight > 0}
    run = {one.tier: one for one in own if one.tier in known and one.models == known[one.tier].models}
    if not weights or not run.keys() >= weights.keys():
        return {}
    methods = set[str].intersection(*(set(run[tier].values) for tier in weights))
    return {
        method: sum(weight * _above(method, run[tier], known[tier]) for tier, weight in weights.items())
        for method in methods
    }


def _above(method: str, own: TierScores, known: TierScores) -> float:
    """The share of the known methods, itself aside, that a method stands above; ties count half."""
    value = own.goodness[method]
    others = [goodness for name, goodness in known.goodness.items() if name != method]
    return sum((other < value) + (other == value) / 2 for other in others) / len(others) if others else 0.5


def fit(tiers: Mapping[str, Ranks], references: Sequence[Reference], *, without: str = "") -> dict[str, float]:
    """Fit non-negative weights of tiers to the ranks of references, each reference as much as the next.

    Least squares under w >= 0 (Lawson & Hanson 1974) on ranks whose mean over a reference's methods is taken away;
    tiers are weighted alike where nothing can be fitted.

    Args:
        tiers: Ranks of methods on each tier.
        references: References to fit.
        without: A method that is left out.
    """
    from scipy.optimize import nnls  # which takes as long to import as a score takes to be made

    rows: list[NDArray[np.float64]] = []
    targets: list[NDArray[np.float64]] = []
    for reference in references:
        methods = [m for m in reference.values if m != without and all(m in column for column in tiers.values())]
        if len(methods) < 2:
            continue
        target = ranks({method: reference.goodness[method] for method in methods})
        given = np.array([[column[method] for column in tiers.values()] for method in methods])
        wanted = np.array([target[method] for method in methods])
        share = 1 / math.sqrt(len(methods))
        rows.append(share * (given - given.mean(0)))
        targets.append(share * (wanted - wanted.mean()))
    found = nnls(np.concatenate(rows), np.concatenate(targets))[0] if rows else np.zeros(len(tiers))
    total = float(found.sum())
    equal = 1 / len(tiers) if tiers else 0.0
    return {tier: float(weight) / total if total else equal for tier, weight in zip(tiers, found, strict=True)}


def score_of(method: str, tiers: Mapping[str, Ranks], weights: Mapping[str, float]) -> float:
    """Take the transfer score of a method, from 0 to 1: the weighted mean of its ranks."""
    return sum(weight * tiers[tier][method] for tier, weight in weights.items())


def ranks(goodness: Mapping[str, float]) -> Ranks:
    """Rank methods, from 0 for the worst to 1 for the best."""
    if len(goodness) < 2:
        return dict.fromkeys(goodness, 0.5)
    values = np.array(list(goodness.values()))
    # A value stands above all that are less, and amid those that are equal: as scipy.stats.rankdata, which takes longer
    # to import than a score takes to be made.
    below, equal = (compare(values, values[:, None]).sum(1) for compare in (np.less, np.equal))
    placed = (below + (equal - 1) / 2) / (len(values) - 1)
    return dict(zip(goodness, map(float, placed), strict=True))
