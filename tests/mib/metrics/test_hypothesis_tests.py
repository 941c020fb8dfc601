import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mib.errors import ScoreError
from mib.metrics.hypothesis_tests import equivalence_test, independence_test, minimality_test, quantile_test


def binomial(n: int, k: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


# -- equivalence ------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(wins=st.integers(0, 12), losses=st.integers(0, 12), ties=st.integers(0, 12), epsilon=st.floats(0, 0.45))
def test_equivalence_sums_the_binomial_tails_at_the_boundary(wins, losses, ties, epsilon) -> None:
    n = wins + losses + ties
    if not n:
        return
    difference = np.array([1.0] * wins + [-2.0] * losses + [0.0] * ties)
    result = equivalence_test(difference, np.zeros(n), epsilon=epsilon)
    share = (wins + ties / 2) / n
    tail = sum(binomial(n, k, 0.5 + epsilon) for k in range(n + 1) if abs(k / n - 0.5) >= abs(share - 0.5) - 1e-12)
    assert result.win_share == share and result.n_ties == ties and result.n_examples == n
    assert result.p_value == pytest.approx(min(1, tail), abs=1e-12)


def test_a_circuit_that_performs_exactly_as_the_model_is_equivalent() -> None:
    performance = np.random.default_rng(0).normal(size=50)
    result = equivalence_test(performance, performance, epsilon=0)
    assert result.identical and result.win_share == 0.5 and result.p_value == 1


def test_rounding_errors_are_ties() -> None:
    performance = np.random.default_rng(0).normal(size=50) * 100
    result = equivalence_test((performance + 1e-4).astype(np.float32), performance)
    assert result.identical
    assert equivalence_test(performance + 1e-4, performance, tolerance=0).win_share == 1


def test_a_circuit_that_is_always_worse_is_not_equivalent() -> None:
    assert equivalence_test(np.zeros(50), np.ones(50)).p_value < 1e-6
    assert equivalence_test(np.zeros(2), np.ones(2)).p_value > 0.3, "two examples prove little"


# -- independence -----------------------------------------------------------------------------------------------


def hsic_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    n = len(x)

    def kernel(v: np.ndarray) -> np.ndarray:
        width = np.median([abs(v[i] - v[j]) for i in range(n) for j in range(i + 1, n)])
        return np.exp(-((v[:, None] - v[None, :]) ** 2) / (2 * width**2))

    centring = np.eye(n) - np.ones((n, n)) / n
    return np.trace(kernel(x) @ centring @ kernel(y) @ centring) / (n - 1) ** 2


def test_hsic_is_its_definition() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    assert independence_test(x, x + y, n_permutations=1).hsic == pytest.approx(hsic_by_definition(x, x + y))


def test_dependence_is_found_even_without_correlation() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=80)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 0.2
    assert independence_test(x, x**2).p_value < 0.01
    assert independence_test(x, rng.normal(size=80)).p_value > 0.05


def test_p_values_of_independent_performances_are_uniform() -> None:
    rng = np.random.default_rng(2)
    p_values = [independence_test(*rng.normal(size=(2, 15)), n_permutations=99, seed=i).p_value for i in range(200)]
    assert 0.02 < np.mean(np.array(p_values) <= 0.1) < 0.18
    assert 0.4 < np.mean(p_values) < 0.6


def test_a_constant_performance_is_independent() -> None:
    rng = np.random.default_rng(0)
    varied = rng.normal(size=30)
    result = independence_test(np.full(30, 3.7) + 1e-9 * rng.normal(size=30), varied)
    assert result.p_value == 1 and result.hsic == pytest.approx(0, abs=1e-12)
    mostly = np.where(np.arange(30) < 25, 0.0, varied)
    assert independence_test(mostly, mostly).p_value < 0.01, "a median distance of 0 is no reason to see nothing"


def test_the_seed_decides_the_permutations() -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 25))
    assert independence_test(x, y, seed=1) == independence_test(x, y, seed=1) != independence_test(x, y, seed=2)


# -- quantiles and minimality -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(beaten=st.integers(0, 30), quantile=st.sampled_from([0.5, 0.9]))
def test_quantile_test_is_the_upper_binomial_tail(beaten: int, quantile: float) -> None:
    result = quantile_test(0.5, [0.1] * beaten + [0.7] * (30 - beaten), quantile=quantile)
    assert result.n_beaten == beaten
    assert result.p_value == pytest.approx(sum(binomial(30, k, quantile) for k in range(beaten, 31)))


def test_what_is_as_good_is_not_beaten() -> None:
    assert quantile_test(0.5, [0.5, 0.5 - 1e-9, 0.4]).n_beaten == 1
    assert quantile_test(0.0, np.zeros(100)).p_value == 1


def test_minimality_is_the_lower_tail_corrected_for_the_number_of_edges() -> None:
    reference = np.linspace(0, 1, 100)
    result = minimality_test({"a": 2.0, "b": 0.805, "c": 0.0}, reference)
    assert result.p_values["a"] == 1
    assert result.p_values["b"] == pytest.approx(sum(binomial(100, k, 0.9) for k in range(81)))
    assert result.p_values["c"] == pytest.approx(0.1**100)
    assert result.adjusted["b"] == pytest.approx(3 * result.p_values["b"]) and result.adjusted["a"] == 1
    assert result.superfluous() == ("b", "c") and result.superfluous(level=1e-9) == ("c",)


# -- errors -------------------------------------------------------------------------------------------------------


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ScoreError, match=r"the performances have shapes \(2,\) and \(3,\)"):
        equivalence_test([1, 2], [1, 2, 3])
    with pytest.raises(ScoreError, match="a performance is not finite"):
        independence_test([1, np.nan], [1, 2])
    with pytest.raises(ScoreError, match=r"epsilon=0\.5 is out of range"):
        equivalence_test([1], [1], epsilon=0.5)
    with pytest.raises(ScoreError, match="n_permutations=0; use a count of at least 1"):
        independence_test([1, 2], [1, 2], n_permutations=0)
    with pytest.raises(ScoreError, match=r"quantile=1\.0 is out of range"):
        quantile_test(1, [1], quantile=1.0)
    with pytest.raises(ScoreError, match="reference has shape"):
        minimality_test({"a": 1.0}, [])
    with pytest.raises(ScoreError, match="changes is empty"):
        minimality_test({}, [1.0])
