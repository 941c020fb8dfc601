"""Statistical tests of the hypothesis that a circuit is what a model uses: the statistics, on plain numbers.

``circuit_tests`` runs a circuit and feeds them. Source: Shi et al. (2024), "Hypothesis Testing the Circuit Hypothesis
in LLMs", https://arxiv.org/abs/2410.13032, sections 3 and 4. Deviations, each on purpose:

- Equivalence counts an example on which circuit and model tie as half a win for each. The published test needs
  differences without zeros; on compiled models usually all are zero, which here gives p = 1.
- The kernel widths of the independence test are each variable's own median distance (Gretton et al. 2007).
- p-values of permutation tests count the observed order too, so that they are never 0.
- A random circuit that does as well as the candidate is not beaten. The published code counts it as beaten, by which
  a circuit that recovers nothing can pass the test of sufficiency.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from mib.errors import ScoreError

ROUNDING = 1e-5
"""Differences up to this share of the largest score are rounding errors of single precision: ties."""


@dataclass(frozen=True)
class EquivalenceTest:
    """H0: circuit and model are equally likely to outperform each other, up to epsilon.

    Attributes:
        win_share: Share of examples on which the circuit outperforms the model, ties counted half.
        n_ties: Examples on which they perform the same.
        n_examples: All examples.
        epsilon: Distance from 1/2 that the chance of winning may have.
        p_value: A small one speaks against the circuit.
    """

    win_share: float
    n_ties: int
    n_examples: int
    epsilon: float
    p_value: float

    @property
    def identical(self) -> bool:
        """True if circuit and model perform the same on every example."""
        return self.n_ties == self.n_examples


@dataclass(frozen=True)
class IndependenceTest:
    """H0: what is left without the circuit performs independently of the model.

    Attributes:
        hsic: Hilbert-Schmidt independence criterion of the two performances; 0 for independent ones.
        p_value: A small one says that the rest of the model still knows the task: it speaks against the circuit.
        n_permutations: Number of random orders that the observed one was compared with.
    """

    hsic: float
    p_value: float
    n_permutations: int


@dataclass(frozen=True)
class QuantileTest:
    """Whether a circuit is better than a share of random ones. H0: it is not.

    Attributes:
        candidate: Value that the circuit achieves.
        reference: Values that random circuits achieve, one each.
        n_beaten: Random circuits that the circuit beats.
        quantile: The share that it must beat.
        p_value: A small one speaks for the circuit.
    """

    candidate: float
    reference: tuple[float, ...]
    n_beaten: int
    quantile: float
    p_value: float


@dataclass(frozen=True)
class MinimalityTest:
    """For each edge, H0: removing it matters more than removing a random edge from a larger circuit.

    "More" is: in at least the share ``quantile`` of the random comparisons.

    Attributes:
        changes: By edge, how far the performance moves when it is removed.
        reference: Distance that it moves when a random added edge is removed again.
        quantile: The share of random edges that an edge must matter more than.
        p_values: By edge, before correction.
        adjusted: By edge, Bonferroni-corrected for the number of edges tested. A small one says that the edge is
            superfluous: it speaks against the circuit.
    """

    changes: dict[str, float]
    reference: tuple[float, ...]
    quantile: float
    p_values: dict[str, float]
    adjusted: dict[str, float]

    def superfluous(self, *, level: float = 0.05) -> tuple[str, ...]:
        """Edges that are rejected at a family-wise error rate."""
        return tuple(edge for edge, p in self.adjusted.items() if p < level)


def equivalence_test(
    circuit: ArrayLike, model: ArrayLike, *, epsilon: float = 0.1, tolerance: float | None = None
) -> EquivalenceTest:
    """Test whether circuit and model are equally likely to outperform each other.

    With t = abs(share of wins - 1/2), the p-value is P(abs(K/n - 1/2) >= t) for K ~ Binomial(n, 1/2 + epsilon), the
    boundary of H0. Ties only make it larger.

    Args:
        circuit: Performance of the circuit, [example], higher is better.
        model: Performance of the whole model on the same examples.
        epsilon: Distance from 1/2 that the chance of winning may have, in [0, 1/2).
        tolerance: Differences up to this count as ties; default: ``ROUNDING`` of the largest performance.

    Raises:
        ScoreError: If the performances do not fit together, or epsilon is out of range.
    """
    one, other = _paired(circuit, model)
    if not 0 <= epsilon < 0.5:
        raise ScoreError(f"epsilon={epsilon} is out of range; the chance of winning may differ from 1/2 by 0 to < 0.5.")
    n = len(one)
    limit = rounding(one, other) if tolerance is None else tolerance
    wins, ties = int((one - other > limit).sum()), int((np.abs(one - other) <= limit).sum())
    distance = abs(2 * wins + ties - n)  # of the win share from 1/2, in units of 1/(2n)
    counts = np.arange(n + 1)
    # In whole numbers: compared as shares, a count that is just as far would fall to rounding.
    as_far = np.abs(2 * counts - n) >= distance
    p_value = 1.0 if as_far.all() else min(1.0, float(binom.pmf(counts[as_far], n, 0.5 + epsilon).sum()))
    return EquivalenceTest((wins + ties / 2) / n, ties, n, epsilon, p_value)


def independence_test(
    complement: ArrayLike, model: ArrayLike, *, n_permutations: int = 1000, seed: int = 0
) -> IndependenceTest:
    """Permutation test of independence with the Hilbert-Schmidt independence criterion.

    Args:
        complement: Performance of the model without the circuit, [example].
        model: Performance of the whole model on the same examples.
        n_permutations: Number of random orders to compare with.
        seed: Seeds them.

    Returns:
        The test; a performance that is the same on all examples is independent of everything, with p = 1.

    Raises:
        ScoreError: If the performances do not fit together or ``n_permutations`` is not positive.

    Source: Gretton et al. (2007), "A Kernel Statistical Test of Independence"; equation (9) of Shi et al.
    """
    one, other = _paired(complement, model)
    _positive("n_permutations", n_permutations)
    centred, kernel = _centred(_kernel(one)), _centred(_kernel(other))
    scale = max(1, len(one) - 1) ** 2
    observed = float((centred * kernel).sum()) / scale
    rng = np.random.default_rng(seed)
    as_large = 0
    for _ in range(n_permutations):
        order = rng.permutation(len(one))
        # The slack keeps an order that gives the same sum in another order of addition from counting as smaller.
        as_large += float((centred * kernel[np.ix_(order, order)]).sum()) / scale >= observed * (1 - 1e-9) - 1e-15
    return IndependenceTest(observed, (1 + as_large) / (1 + n_permutations), n_permutations)


def quantile_test(candidate: float, reference: ArrayLike, *, quantile: float = 0.9) -> QuantileTest:
    """Test whether a candidate is larger than a share of random values; binomial, one-sided.

    Args:
        candidate: Value that the circuit achieves, higher is better.
        reference: Values that random circuits achieve.
        quantile: The share that the circuit must beat, in (0, 1).

    Raises:
        ScoreError: If there is no reference or the quantile is out of range.
    """
    values = _reference(reference, quantile)
    beaten = _n_beaten(candidate, values)
    # At least as many beaten as were: `sf` is of more than.
    p_value = float(binom.sf(beaten - 1, len(values), quantile))
    return QuantileTest(candidate, tuple(values.tolist()), beaten, quantile, p_value)


def minimality_test(changes: dict[str, float], reference: ArrayLike, *, quantile: float = 0.9) -> MinimalityTest:
    """Test for each edge whether its removal matters more than that of random added edges; binomial, one-sided.

    Args:
        changes: By edge of the circuit, how far the performance moves when it is removed.
        reference: Distance that it moves when random edges, added to the circuit along random paths, are removed again.
        quantile: The share of random edges that an edge must matter more than, in (0, 1).

    Raises:
        ScoreError: If there is no edge, no reference, or the quantile is out of range.
    """
    values = _reference(reference, quantile)
    if not changes:
        raise ScoreError("changes is empty: a circuit without edges has nothing to test.")
    p_values = {
        edge: float(binom.cdf(_n_beaten(change, values), len(values), quantile)) for edge, change in changes.items()
    }
    adjusted = {edge: min(1.0, len(changes) * p) for edge, p in p_values.items()}
    return MinimalityTest(dict(changes), tuple(values.tolist()), quantile, p_values, adjusted)


def rounding(*performances: NDArray[np.float64]) -> float:
    """Give what counts as a rounding error beside these performances."""
    return ROUNDING * max(float(np.abs(values).max(initial=0.0)) for values in performances)


def _n_beaten(candidate: float, values: NDArray[np.float64]) -> int:
    """Return how many values a candidate exceeds by more than a rounding error."""
    margin = ROUNDING * np.maximum(abs(candidate), np.abs(values))
    return int((candidate - values > margin).sum())


def _kernel(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian kernel, its width the median distance of two different examples; all ones for equal values."""
    distance = np.abs(values[:, None] - values[None, :])
    # Else the median of what should be equal is rounding, and the kernel tells noise apart.
    distance = np.where(distance <= rounding(values), 0.0, distance)
    width = float(np.median(distance[np.triu_indices(len(values), k=1)])) if len(values) > 1 else 0.0
    if not width:  # more than half of the pairs are equal
        width = float(distance.max(initial=0.0)) or 1.0
    return np.exp(-((distance / width) ** 2) / 2)


def _centred(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = kernel.mean(axis=0, keepdims=True)
    return kernel - rows - rows.T + kernel.mean()


def _paired(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ScoreError(
            f"the performances have shapes {first.shape} and {second.shape}; expected one number an example in both."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ScoreError("a performance is not finite: check the task's metric.")
    return first, second


def _reference(reference: ArrayLike, quantile: float) -> NDArray[np.float64]:
    values = np.array(reference, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ScoreError(f"reference has shape {values.shape}; expected one number for each random circuit.")
    if not 0 < quantile < 1:
        raise ScoreError(f"quantile={quantile} is out of range; use a share in (0, 1).")
    return values


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ScoreError(f"{name}={value}; use a count of at least 1.")
