"""Statistical tests of a circuit on a task: equivalence, independence, minimality, sufficiency, partial necessity.

Every test runs its circuits in one batch. Performance is the task's metric, an example at a time; the distance of
two runs is the mean squared difference of their performances. Distances below rounding errors count as 0.
Source: Shi et al. (2024), https://arxiv.org/abs/2410.13032, and https://github.com/blei-lab/circuitry.
"""

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError
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

Kept = NDArray[np.bool_]
"""The edges of a circuit, bool [source, destination]."""


def equivalence(task: LocalizationTask, kept: Kept, *, epsilon: float = 0.1) -> EquivalenceTest:
    """Does the circuit perform as the model does? A small p-value says no.

    Args:
        task: The model and its examples.
        kept: The circuit.
        epsilon: How far from 1/2 the chance may be that one outperforms the other.
    """
    measurement = _measure(task, kept)
    return equivalence_test(measurement.circuits[0], measurement.full, epsilon=epsilon)


def independence(task: LocalizationTask, kept: Kept, *, n_permutations: int = 1000) -> IndependenceTest:
    """Does the model without the circuit know nothing of the task? A small p-value says that it still does.

    Args:
        task: The model and its examples; its seed seeds the permutations.
        kept: The circuit, which is cut.
        n_permutations: How many random orders to compare with.
    """
    measurement = _measure(task, ~_checked(task, kept) & task.graph.edge_mask)
    return independence_test(measurement.circuits[0], measurement.full, n_permutations=n_permutations, seed=task.seed)


def minimality(task: LocalizationTask, kept: Kept, *, n_random: int = 100, quantile: float = 0.9) -> MinimalityTest:
    """Is every edge of the circuit needed? A small adjusted p-value says that an edge is superfluous.

    Args:
        task: The model and its examples; its seed seeds the random circuits.
        kept: The circuit.
        n_random: How many random larger circuits to compare with.
        quantile: The share of added edges that an edge must matter more than.

    Raises:
        ScoreError: If the circuit has no edge, or all edges.
    """
    graph, kept = task.graph, _checked(task, kept)
    inflated, less = inflated_circuits(graph, kept, n_random, np.random.default_rng(task.seed))
    edges = np.argwhere(kept)
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
        n_random: How many random circuits to compare with.
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
