"""Statistical tests of a circuit on a task: equivalence, independence, minimality, sufficiency, partial necessity.

Every test runs its circuits in one batch. Performance is the task's metric, an example at a time; the distance of
two runs is the mean squared difference of their performances. Distances below rounding errors count as 0.
Source: Shi et al. (2024), https://arxiv.org/abs/2410.13032, and https://github.com/blei-lab/circuitry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError, shorten
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import Circuits
from mib.metrics.hypothesis_tests import (
    EquivalenceTest,
    IndependenceTest,
    MinimalityTest,
    QuantileTest,
    equivalence_test,
    independence_test,
    minimality_test,
    quantile_test,
    rounding,
)
from mib.metrics.measure_circuits import Measurement, measure
from mib.metrics.random_circuits import inflated_circuits, random_circuits

N_TESTS = 5
"""Number of tests that ``run_circuit_tests`` runs."""

Kept = NDArray[np.bool_]
"""The edges of a circuit, bool [source, destination]."""


def equivalence(task: LocalizationTask, kept: Kept, *, epsilon: float = 0.1) -> EquivalenceTest:
    """Does the circuit perform as the model does? A small p-value says no.

    Args:
        task: The model and its examples.
        kept: The circuit.
        epsilon: Distance from 1/2 that the chance may have that one outperforms the other.
    """
    measurement = _measure(task, kept)
    return equivalence_test(measurement.circuits[0], measurement.full, epsilon=epsilon)


def independence(task: LocalizationTask, kept: Kept, *, n_permutations: int = 1000) -> IndependenceTest:
    """Does the model without the circuit know nothing of the task? A small p-value says that it still does.

    Args:
        task: The model and its examples; its seed seeds the permutations.
        kept: The circuit, which is cut.
        n_permutations: Number of random orders to compare with.
    """
    measurement = _measure(task, ~_checked(task, kept) & task.graph.edge_mask)
    return independence_test(measurement.circuits[0], measurement.full, n_permutations=n_permutations, seed=task.seed)


def minimality(task: LocalizationTask, kept: Kept, *, n_random: int = 100, quantile: float = 0.9) -> MinimalityTest:
    """Is every edge of the circuit needed? A small adjusted p-value says that an edge is superfluous.

    Args:
        task: The model and its examples; its seed seeds the random circuits.
        kept: The circuit.
        n_random: Number of random larger circuits to compare with.
        quantile: The share of added edges that an edge must matter more than.

    Raises:
        ScoreError: If the circuit has no edge, or all edges.
    """
    graph, kept = task.graph, _checked(task, kept)
    # How much an edge matters that was added at random is the yardstick for one that does not belong.
    inflated, less = inflated_circuits(graph, kept, n_random, np.random.default_rng(task.seed))
    edges = np.argwhere(kept)
    # All circuits in one batch: each edge knocked out alone, and random larger circuits with one added edge removed.
    knocked_out = np.repeat(kept[None], len(edges), axis=0)
    knocked_out[np.arange(len(edges)), edges[:, 0], edges[:, 1]] = False
    measurement = _measure(task, np.concatenate([kept[None], knocked_out, inflated, less]))
    whole, without, larger, smaller = np.split(measurement.circuits, np.cumsum([1, len(edges), n_random]), axis=0)
    names = [f"{graph.sources[row]}->{graph.destinations[column]}" for row, column in edges]
    changes = _distances(without, whole, measurement)
    reference = _distances(smaller, larger, measurement)
    return minimality_test(dict(zip(names, changes.tolist(), strict=True)), reference, quantile=quantile)


def sufficiency(
    task: LocalizationTask, kept: Kept, *, n_random: int = 100, size: int | None = None, quantile: float = 0.9
) -> QuantileTest:
    """Is the circuit closer to the model than random circuits are? A small p-value says yes.

    Values are minus the distance to the model, so that higher is better. A random circuit that is as close as the
    circuit counts as not beaten.

    Args:
        task: The model and its examples; its seed seeds the random circuits.
        kept: The circuit.
        n_random: Number of random circuits to compare with.
        size: Edges that each of them has at least; default: as many as the circuit.
        quantile: The share of them that the circuit must beat.
    """
    candidate, reference = _against_random(task, _checked(task, kept), n_random, size, cut=False)
    return quantile_test(-candidate, -reference, quantile=quantile)


def partial_necessity(
    task: LocalizationTask, kept: Kept, *, n_random: int = 100, size: int | None = None, quantile: float = 0.9
) -> QuantileTest:
    """Does cutting the circuit hurt more than cutting random circuits does? A small p-value says yes.

    Values are distances to the model after the cut. Arguments as ``sufficiency``.
    """
    candidate, reference = _against_random(task, _checked(task, kept), n_random, size, cut=True)
    return quantile_test(candidate, reference, quantile=quantile)


def _against_random(
    task: LocalizationTask, kept: Kept, n_random: int, size: int | None, *, cut: bool
) -> tuple[float, NDArray[np.float64]]:
    """Distance to the model of the circuit and of random circuits, or of what is left when they are cut."""
    size = int(kept.sum()) if size is None else size
    others = random_circuits(task.graph, n_random, size, np.random.default_rng(task.seed))
    circuits = np.concatenate([kept[None], others])
    measurement = _measure(task, ~circuits & task.graph.edge_mask if cut else circuits)
    distances = _distances(measurement.circuits, measurement.full[None], measurement)
    return float(distances[0]), distances[1:]


def _distances(one: NDArray[np.float64], other: NDArray[np.float64], measurement: Measurement) -> NDArray[np.float64]:
    """Mean squared difference over examples; differences that are rounding errors are 0."""
    difference = one - other
    # Of full and empty alone: a random circuit that explodes must not make others look equal.
    limit = rounding(measurement.full, measurement.empty)
    return (np.where(np.abs(difference) <= limit, 0.0, difference) ** 2).mean(axis=1)


def _measure(task: LocalizationTask, kept: Kept) -> Measurement:
    kept = kept[None] if kept.ndim == 2 else kept
    return measure(task, Circuits(task.graph, kept))


def _checked(task: LocalizationTask, kept: Kept) -> Kept:
    shape = task.graph.edge_mask.shape
    if kept.dtype != np.bool_ or kept.shape != shape:
        raise ScoreError(
            f"kept has shape {kept.shape} and dtype {kept.dtype}; expected bool {shape}: [source, destination]."
        )
    return kept & task.graph.edge_mask


@dataclass(frozen=True)
class Verdict:
    """One of the tests in a line.

    Attributes:
        name: Name of the test, such as ``equivalence``.
        question: The question that it asks.
        holds: True if the answer is what a circuit should give; None where the test does not apply.
        p_value: Its p-value; NaN where it does not apply.
        detail: Measurements in words.
    """

    name: str
    question: str
    holds: bool | None
    p_value: float
    detail: str


@dataclass(frozen=True)
class CircuitTests:
    """All tests of one circuit.

    Attributes:
        n_edges: Edges of the circuit.
        n_examples: Examples that it was run on.
        equivalence: Test of the circuit against the model; see the functions of these names.
        independence: Test of the model without the circuit.
        minimality: Test of every edge; None for a circuit without edges, or with all of them.
        sufficiency: Test against random circuits.
        partial_necessity: Test against cutting random circuits.
    """

    n_edges: int
    n_examples: int
    equivalence: EquivalenceTest
    independence: IndependenceTest
    minimality: MinimalityTest | None
    sufficiency: QuantileTest
    partial_necessity: QuantileTest

    def verdicts(self, *, level: float = 0.05) -> tuple[Verdict, ...]:
        """Give what each test says at a level of significance, in the order of the paper.

        Partial necessity comes last and is no part of ``rejected``: where a behaviour runs through one bottleneck, any
        random circuit that holds it does as much harm when it is cut, so that even the exact circuit fails.

        A test whose hypothesis speaks for the circuit (equivalence, independence, minimality) holds until it is
        rejected; one that compares with random circuits (sufficiency, partial necessity) holds when it is.

        Args:
            level: The p-value below which a hypothesis is rejected.
        """
        equal, rest, minimal = self.equivalence, self.independence, self.minimality
        superfluous = () if minimal is None else minimal.superfluous(level=level)
        return (
            Verdict(
                "equivalence",
                "Does the circuit perform as the model does?",
                equal.p_value >= level,
                equal.p_value,
                f"ahead of the model on {equal.win_share:.0%}, equal on {equal.n_ties} of {equal.n_examples} examples",
            ),
            Verdict(
                "independence",
                "Is nothing of the task left without it?",
                rest.p_value >= level,
                rest.p_value,
                f"HSIC {rest.hsic:.3g} against {rest.n_permutations} permutations",
            ),
            Verdict(
                "minimality",
                "Is every edge needed?",
                None if minimal is None else not superfluous,
                float("nan") if minimal is None else min(minimal.adjusted.values()),
                "needs a circuit with some edges, not all" if minimal is None else _list_superfluous(superfluous),
            ),
            _against_random_verdict(
                "sufficiency", "Is it closer to the model than random circuits?", self.sufficiency, level
            ),
            _against_random_verdict(
                "partial necessity",
                "Does cutting it hurt more than cutting random ones?",
                self.partial_necessity,
                level,
            ),
        )

    def rejected(self, *, level: float = 0.05) -> tuple[str, ...]:
        """Names of the tests that speak against the circuit, partial necessity aside (see ``verdicts``)."""
        return tuple(verdict.name for verdict in self.verdicts(level=level)[:-1] if verdict.holds is False)


def run_circuit_tests(
    task: LocalizationTask,
    kept: Kept,
    *,
    n_random: int = 100,
    n_permutations: int = 1000,
    quantile: float = 0.9,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> CircuitTests:
    """Run all tests on one circuit.

    Args:
        task: The model and its examples; its seed seeds random circuits and permutations.
        kept: The circuit.
        n_random: Number of random circuits to compare with.
        n_permutations: Number of random orders to compare with.
        quantile: The share of random circuits that the circuit must beat.
        report: Called with the number of tests that are done, and of all.

    Raises:
        ScoreError: If the circuit is none of the task's graph, or a number is out of range.
    """
    kept = _checked(task, kept)
    n_edges = int(kept.sum())
    # Minimality inflates the circuit by random paths: there must be an edge to knock out and one to add.
    testable = 0 < n_edges < int(task.graph.edge_mask.sum())
    report(0, N_TESTS)
    equivalent = equivalence(task, kept)
    report(1, N_TESTS)
    independent = independence(task, kept, n_permutations=n_permutations)
    report(2, N_TESTS)
    minimal = minimality(task, kept, n_random=n_random, quantile=quantile) if testable else None
    report(3, N_TESTS)
    sufficient = sufficiency(task, kept, n_random=n_random, quantile=quantile)
    report(4, N_TESTS)
    necessary = partial_necessity(task, kept, n_random=n_random, quantile=quantile)
    report(N_TESTS, N_TESTS)
    return CircuitTests(n_edges, len(task), equivalent, independent, minimal, sufficient, necessary)


def _against_random_verdict(name: str, question: str, test: QuantileTest, level: float) -> Verdict:
    detail = f"beats {test.n_beaten} of {len(test.reference)} random circuits, must beat {test.quantile:.0%}"
    return Verdict(name, question, test.p_value < level, test.p_value, detail)


def _list_superfluous(edges: Sequence[str]) -> str:
    return f"{len(edges)} superfluous: {shorten(edges)}" if edges else "no edge is superfluous"
