import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from mib.errors import ScoreError
from mib.metrics.metric_validity import RESAMPLES, kendall_tau, metric_validity, tau_interval

columns = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=12)


@settings(deadline=None)
@given(pairs=columns)
def test_tau_is_scipy_s(pairs: list[tuple[int, int]]) -> None:
    one, other = zip(*pairs, strict=True)
    expected = kendalltau(one, other).statistic
    assert kendall_tau(one, other) == pytest.approx(expected, nan_ok=True)


def test_tau_by_hand() -> None:
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == 1
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3])) and math.isnan(kendall_tau([1], [1]))


TABLE = {
    "reverse": {
        "oracle": {"auroc": 1.0, "cpr": 0.9, "cmd": 0.0},
        "eap": {"auroc": 0.8, "cpr": 0.95, "cmd": 0.1},
        "random": {"auroc": 0.5, "cpr": 0.2, "cmd": 0.7},
    },
    "hist": {
        "oracle": {"auroc": 1.0, "cpr": 5.0, "cmd": 0.2},
        "eap": {"auroc": 0.7, "cpr": 4.0, "cmd": 0.3},
        "random": {"auroc": 0.4, "cpr": 3.0, "cmd": 0.9},
    },
}


def test_agreement_per_model_and_over_pairs_within_models() -> None:
    cpr, cmd = metric_validity(TABLE, metrics=["cpr", "cmd"], exact=["auroc"])
    assert (cpr.metric, cpr.exact, cmd.metric) == ("cpr", "auroc", "cmd")
    assert cpr.per_model["reverse"].tau == pytest.approx(1 / 3) and cpr.per_model["hist"].tau == 1
    assert cpr.overall.tau == pytest.approx((1 + 3) / 6), "four of six pairs more agree than disagree"
    assert (cpr.overall.n_methods, cpr.overall.n_pairs) == (6, 6)
    assert cmd.per_model["reverse"].tau == cmd.per_model["hist"].tau == cmd.overall.tau == 1, "lower is better"


def test_the_level_of_a_model_does_not_matter_overall() -> None:
    shifted = {
        model: {method: {**row, "cpr": row["cpr"] * 7 - 100 * (model == "hist")} for method, row in methods.items()}
        for model, methods in TABLE.items()
    }
    one, other = (metric_validity(t, metrics=["cpr"], exact=["auroc"])[0] for t in (TABLE, shifted))
    assert one == other


def test_methods_without_a_value_are_left_out() -> None:
    table = {
        "reverse": {
            **TABLE["reverse"],
            "ifr": {"auroc": 0.1, "cpr": None},
            "acdc": {"auroc": 0.1, "cpr": math.nan},
            "ugs": {"cpr": 1.0},
        },
        "sort": {"ifr": {"auroc": 0.1}},
    }
    (validity,) = metric_validity(table, metrics=["cpr"], exact=["auroc"])
    assert validity.per_model["reverse"].tau == pytest.approx(1 / 3)
    assert validity.per_model["reverse"].n_methods == 3
    assert math.isnan(validity.per_model["sort"].tau) and validity.per_model["sort"].n_pairs == 0
    assert validity.overall.tau == pytest.approx(1 / 3)


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ScoreError, match=r"no column 'crp'. Did you mean: cpr.* It has: auroc, cmd, cpr\."):
        metric_validity(TABLE, metrics=["crp"], exact=["auroc"])
    with pytest.raises(ScoreError, match="the columns have 2 and 3 values"):
        kendall_tau([1, 2], [1, 2, 3])
    with pytest.raises(ScoreError, match="a value is not finite"):
        kendall_tau([1, np.nan], [1, 2])


def test_the_interval_is_that_of_drawing_methods_anew_on_all_models_together() -> None:
    rng = np.random.default_rng(1)
    names = [f"method{i}" for i in range(8)]
    table = {
        model: {
            name: {"cmd": float(rng.normal()) - i, "auroc": i + float(rng.normal())} for i, name in enumerate(names)
        }
        for model in ("one", "two")
    }
    (found,) = metric_validity(table, metrics=["cmd"], exact=["auroc"])
    taus: list[float] = []
    for places in np.random.default_rng(0).integers(8, size=(RESAMPLES, 8)):
        agreeing = ordered = others = 0.0
        for rows in table.values():
            drawn = [rows[names[place]] for place in places]
            for i, j in itertools.combinations(range(8), 2):
                a, b = (np.sign(drawn[i][c] - drawn[j][c]) for c in ("cmd", "auroc"))
                agreeing, ordered, others = agreeing - a * b, ordered + a * a, others + b * b
        if ordered * others:
            taus.append(agreeing / np.sqrt(ordered * others))
    assert found.interval == pytest.approx(tuple(np.quantile(taus, (0.025, 0.975))))
    assert found.n_methods == 8


def test_two_methods_alone_have_an_interval_that_says_nothing_new_and_one_has_none() -> None:
    assert tau_interval([1.0, 2.0], [1.0, 2.0]) == (1.0, 1.0)
    assert all(math.isnan(end) for end in tau_interval([1.0], [1.0]))
    assert all(math.isnan(end) for end in tau_interval([], []))
