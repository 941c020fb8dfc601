"""Shares of right interchanges on pairs counted by hand, and MIB's summary on a table worked out by hand."""

import math

import numpy as np
import pytest
import torch

from mib.errors import ScoreError
from mib.featurization import Featurizer, Split, get
from mib.metrics.interchange_scores import (
    bootstrap,
    by_family,
    distinguishing,
    interchange_scores,
    mean_squared_error,
    scores_of,
)
from mib.metrics.site_aggregate import mib_aggregate
from tests.mib.featurization import adder

EVERYTHING = torch.arange(2 * len(adder.PAIRS))


def test_no_op_full_vector_and_the_truth_on_pairs_counted_by_hand() -> None:
    task = adder.task(isolation=True)
    got = {
        name: interchange_scores(task, featurizer, examples=EVERYTHING)
        for name, featurizer in {
            "no-op": get("no-op")(task),
            "full-vector": get("full-vector")(task),
            "truth": Featurizer.subspace(adder.live()),
        }.items()
    }
    # 81 cause pairs, of which 54 change a; 81 isolation pairs, of which 27 leave b as it is.
    assert got["no-op"].distinguishing.n == 54
    assert got["no-op"].distinguishing.value == 0.0
    assert got["no-op"].cause.value == pytest.approx(27 / 81)
    assert got["no-op"].isolation.value == 1.0
    assert got["no-op"].disentangle.value == pytest.approx((27 / 81 + 1) / 2)
    assert got["no-op"].accuracy.value == pytest.approx((27 + 81) / 162)
    assert got["full-vector"].distinguishing.value == pytest.approx(18 / 54)  # same b
    assert got["full-vector"].isolation.value == pytest.approx(27 / 81)
    for estimate in (got["truth"].accuracy, got["truth"].distinguishing, got["truth"].disentangle):
        assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)


def test_the_test_split_is_scored_unless_asked_otherwise() -> None:
    split = Split(EVERYTHING[:40], EVERYTHING[40:50], EVERYTHING[50:81])
    task = adder.task(split=split)
    live = Featurizer.subspace(adder.live())
    assert interchange_scores(task, live).accuracy.n == 31
    assert interchange_scores(adder.task(), live).accuracy.n == 81  # no test split: all pairs
    assert interchange_scores(task, live, indices=[]).distinguishing.value == 0.0


def test_no_pair_is_no_score() -> None:
    scores = interchange_scores(adder.task(), Featurizer.subspace(adder.live()))
    assert scores.isolation.n == 0
    assert all(math.isnan(x) for x in (scores.isolation.value, scores.disentangle.value, scores.disentangle.low))


def test_pairs_that_distinguish_are_those_that_a_no_op_gets_wrong() -> None:
    base, source = torch.tensor(adder.PAIRS).T
    assert torch.equal(distinguishing(adder.task()), base // 3 != source // 3)


def test_the_interval_is_the_binomial_one_and_repeats_itself() -> None:
    right = torch.arange(400) < 300
    estimate = bootstrap(right, seed=3, resamples=20_000)
    spread = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert estimate.value == 0.75
    assert (estimate.low, estimate.high) == pytest.approx((0.75 - spread, 0.75 + spread), abs=0.005)
    assert bootstrap(right, seed=3, resamples=20_000) == estimate


def test_scores_of_pairs_are_shares() -> None:
    right = torch.tensor([True, True, False, True])
    scores = scores_of(right, torch.tensor([True, False, True, False]), torch.tensor([False, False, True, True]))
    assert scores.accuracy.value == 0.75
    assert scores.distinguishing.value == 0.5
    assert (scores.cause.value, scores.isolation.value, scores.disentangle.value) == (1.0, 0.5, 0.75)


def test_squared_errors_of_numbers() -> None:
    def first_logit(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[:, 1, 0]

    expected = torch.full((len(adder.PAIRS), 1), 3.0)
    mask = torch.ones_like(expected, dtype=torch.bool)
    task = adder.task(expected=expected, mask=mask, readout=first_logit)
    # The logit is 1 where the answer is 0 (27 pairs), else 0.
    assert mean_squared_error(task, Featurizer.subspace(adder.live())) == pytest.approx((27 * 4 + 54 * 9) / 81)
    with pytest.raises(ScoreError, match="expects outputs, not numbers"):
        mean_squared_error(adder.task(), Featurizer.subspace(adder.live()))


# Two data sets, two layers, three positions.
SCORES = np.array([[[0.2, 0.8, 0.0], [0.9, 0.1, 0.5]], [[0.4, 0.4, 0.0], [0.3, 0.1, 0.9]]])
OTHERS = np.array([[[0.9, 0.1, 0.0], [0.0, 0.1, 0.2]], [[0.9, 0.1, 0.0], [0.0, 0.1, 0.2]]])


def test_mibs_summary_takes_means_then_maxima() -> None:
    summary = mib_aggregate(SCORES)
    assert summary.by_layer == pytest.approx((0.6, 0.7))
    assert summary.positions == (1, 2)
    assert (summary.mean, summary.best, summary.layer) == (pytest.approx(0.65), pytest.approx(0.7), 1)


def test_choosing_by_another_split_is_no_better_than_by_the_scored_one() -> None:
    summary = mib_aggregate(SCORES, choose_by=OTHERS)
    assert summary.positions == (0, 2)
    assert summary.by_layer == pytest.approx((0.3, 0.7))
    assert (summary.layer, summary.best) == (0, pytest.approx(0.3))
    assert summary.best <= mib_aggregate(SCORES).best
    assert summary.mean <= mib_aggregate(SCORES).mean


def test_errors_are_better_when_lower_and_missing_sites_are_left_out() -> None:
    summary = mib_aggregate(SCORES, better="lower")
    assert summary.by_layer == pytest.approx((0.0, 0.1))
    missing = SCORES.copy()
    missing[0, 0, 1] = math.nan
    assert mib_aggregate(missing).by_layer == pytest.approx((0.3, 0.7))
    missing[:, 1] = math.nan
    with pytest.raises(ScoreError, match="layer 1 has no position that every data set scores"):
        mib_aggregate(missing)
    with pytest.raises(ScoreError, match=r"scores have shape \(2, 2, 3\), choose_by \(2, 2\)"):
        mib_aggregate(SCORES, choose_by=OTHERS[..., 0])


def test_each_data_set_counts_as_one_however_many_pairs_it_has() -> None:
    right = torch.tensor([True, True, False, True, False])
    assert by_family(right, torch.tensor([2, 2, 2, 2, 0])) == {0: 0.0, 2: 0.75}
