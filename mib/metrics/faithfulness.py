"""How much of a behaviour the circuits of a ranking recover: CPR and CMD, as MIB codes them and normalised.

Faithfulness of a circuit C: f(C) = (m(C) - m(empty)) / (m(full) - m(empty)). CPR is the area under f over the share
of edges kept (signed ranking, higher is better), CMD the area of |1 - f| (absolute ranking, lower is better).

- ``mib_cpr``, ``mib_cmd``, ``mib_areas``: MIB's ten fractions, not normalised (the area starts at 0.1 % of the
  edges, so a perfect circuit has CPR 0.999). Source: ``evaluate_area_under_curve`` in
  https://github.com/aaronmueller/MIB-circuit-track/blob/main/MIB_circuit_track/evaluation.py and
  Mueller et al. (2025), https://arxiv.org/abs/2504.13151, section 3.
- ``areas``: every circuit size from 0 to all edges (or a documented number of them), divided by the range, with a
  bootstrap confidence interval over examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError
from mib.graph import Graph
from mib.levels import Scores
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import (
    MAX_SIZES,
    MIB_FRACTIONS,
    Circuits,
    Ranking,
    Selection,
    every_size,
    mib_sizes,
    n_scored,
    prune_circuits,
    select,
)
from mib.metrics.measure_circuits import Measurement, measure


@dataclass(frozen=True)
class Curve:
    """Faithfulness of the circuits of one ranking.

    Attributes:
        ranking: By which the circuits were chosen; None if they were given.
        sizes: Parts (edges, nodes or neurons) that were asked for, before pruning.
        fractions: Their share of all scored parts: the horizontal axis.
        weighted_edge_counts: Edges that were left after pruning, weighted by their share of neurons.
        faithfulness: f of each circuit.
    """

    ranking: Ranking | None
    sizes: tuple[int, ...]
    fractions: tuple[float, ...]
    weighted_edge_counts: tuple[float, ...]
    faithfulness: tuple[float, ...]

    @property
    def area_under(self) -> float:
        """Trapezoidal area under f; MIB's CPR if the ranking is signed."""
        return float(_area(np.array(self.fractions), np.array(self.faithfulness)))

    @property
    def area_from_1(self) -> float:
        """Trapezoidal area of |1 - f|; MIB's CMD if the ranking is absolute."""
        return float(_area(np.array(self.fractions), np.abs(1 - np.array(self.faithfulness))))


@dataclass(frozen=True)
class MibAreas:
    """CPR and CMD with their curves.

    Attributes:
        signed: The curve of the signed ranking.
        absolute: The curve of the absolute ranking.
    """

    signed: Curve
    absolute: Curve

    @property
    def cpr(self) -> float:
        """Area under the signed curve; 0.999 for a perfect circuit, higher is better, without an upper limit."""
        return self.signed.area_under

    @property
    def cmd(self) -> float:
        """Area between the absolute curve and 1; 0 is best."""
        return self.absolute.area_from_1


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap confidence interval over examples.

    Attributes:
        value: On all examples.
        low: Lower end of the interval; equals the value if there was no bootstrap.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Areas:
    """Normalised CPR and CMD over every circuit size.

    Attributes:
        cpr: Area under the signed curve divided by the range of sizes; 1 for f = 1 everywhere.
        cmd: Area between the absolute curve and 1, divided by the range; 0 is best.
        signed: The curve of the signed ranking.
        absolute: The curve of the absolute ranking.
    """

    cpr: Estimate
    cmd: Estimate
    signed: Curve
    absolute: Curve


def mib_cpr(task: LocalizationTask, scores: Scores, *, selection: Selection = "top-n") -> Curve:
    """MIB's circuit performance ratio; its value is ``.area_under``.

    Args:
        task: Task to measure on; every example counts the same.
        scores: Scores of edges, nodes or neurons.
        selection: ``top-n``, or ``greedy``, which MIB uses for information flow routes.

    Raises:
        ScoreError: If a score is infinite.
        TaskError: If full model and empty circuit do not differ, or the scores are of another graph.
    """
    return _curves(task, scores, mib_sizes(scores), ("signed",), selection, fractions=MIB_FRACTIONS)[0][0]


def mib_cmd(task: LocalizationTask, scores: Scores, *, selection: Selection = "top-n") -> Curve:
    """MIB's circuit-model distance; its value is ``.area_from_1``. Arguments and errors as ``mib_cpr``."""
    return _curves(task, scores, mib_sizes(scores), ("absolute",), selection, fractions=MIB_FRACTIONS)[0][0]


def mib_areas(task: LocalizationTask, scores: Scores, *, selection: Selection = "top-n") -> MibAreas:
    """MIB's CPR and CMD together: a circuit that both rankings choose is run once. As ``mib_cpr``."""
    rankings: tuple[Ranking, ...] = ("signed", "absolute")
    curves, _ = _curves(task, scores, mib_sizes(scores), rankings, selection, fractions=MIB_FRACTIONS)
    return MibAreas(*curves)


def mib_curve_of_circuits(task: LocalizationTask, circuits: Circuits) -> Curve:
    """MIB's curve of nine circuits of one's own, as a submission may hold them instead of scores.

    Args:
        task: Task to measure on.
        circuits: Nine circuits with at most 0.1, 0.2, 0.5, 1, 2, 5, 10, 20 and 50 % of the edges, in this order; the
            whole model is the tenth point. Read them with ``mib.leaderboard.formats.read_cell``.

    Returns:
        A curve of which ``.area_under`` is the CPR and ``.area_from_1`` the CMD.

    Raises:
        ScoreError: If there are not nine circuits, or one has more edges than its share.
        TaskError: If full model and empty circuit do not differ, or the circuits are of another graph.
    """
    total, graph = len(circuits.graph.edges), circuits.graph
    shares = MIB_FRACTIONS[:-1]
    counts = circuits.edge_counts.tolist()
    if len(circuits) != len(shares):
        raise ScoreError(f"{len(circuits)} circuits were given; MIB's curve has {len(shares)}, beside the whole model.")
    for count, share in zip(counts, shares, strict=True):
        if count > share * total:
            raise ScoreError(f"a circuit has {count} of {total} edges; at most {100 * share:g} % are allowed there.")
    # The tenth point is no circuit of the submission: MIB takes the whole model there.
    whole = Circuits(graph, graph.edge_mask[None], None if circuits.neurons is None else _all_neurons(graph))
    joined = prune_circuits(_joined([circuits, whole]))
    faithfulness = measure(task, joined).faithfulness()
    weighted = joined.weighted_edge_counts
    return Curve(None, (*counts, total), MIB_FRACTIONS, tuple(weighted.tolist()), tuple(faithfulness.tolist()))


def areas(
    task: LocalizationTask,
    scores: Scores,
    *,
    selection: Selection = "top-n",
    max_sizes: int | None = MAX_SIZES,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Areas:
    """CPR and CMD over every circuit size, divided by the range, with confidence intervals.

    Args:
        task: Task to measure on; its seed seeds the bootstrap.
        scores: Scores of edges, nodes or neurons.
        selection: ``top-n`` or ``greedy``.
        max_sizes: With more sizes than this, only so many are measured, closest together where circuits are small
            (``selection.every_size``); None measures all.
        n_bootstrap: Number of times examples are drawn anew; 0 for none (an enumerated domain has no sampling error).
        confidence: The share of the bootstrap distribution inside the interval.

    Raises:
        ScoreError: If a score is infinite, nothing is scored, or an option is out of range.
        TaskError: If full model and empty circuit do not differ, or the scores are of another graph.
    """
    _check_options(scores, n_bootstrap, confidence)
    sizes = every_size(scores, limit=max_sizes)
    (signed, absolute), measurement = _curves(task, scores, sizes, ("signed", "absolute"), selection)
    # One draw of examples for both rankings, so that they are compared on the same.
    drawn = _bootstrap(measurement, n_bootstrap, np.random.default_rng(task.seed))
    x = np.array(signed.fractions)
    return Areas(
        cpr=_estimate(signed.area_under, _area(x, drawn[:, : len(x)]), confidence),
        cmd=_estimate(absolute.area_from_1, _area(x, np.abs(1 - drawn[:, len(x) :])), confidence),
        signed=signed,
        absolute=absolute,
    )


def _check_options(scores: Scores, n_bootstrap: int, confidence: float) -> None:
    if n_bootstrap < 0 or not 0 < confidence < 1:
        raise ScoreError(
            f"n_bootstrap={n_bootstrap}, confidence={confidence}: use a count of at least 0 and a share in (0, 1)."
        )
    if not n_scored(scores):
        raise ScoreError("no part of the graph has a score: there is no circuit size to measure.")


def _estimate(value: float, samples: NDArray[np.float64], confidence: float) -> Estimate:
    if not len(samples):
        return Estimate(value, value, value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def _curves(
    task: LocalizationTask,
    scores: Scores,
    sizes: Sequence[int],
    rankings: Sequence[Ranking],
    selection: Selection,
    *,
    fractions: Sequence[float] | None = None,
) -> tuple[list[Curve], Measurement]:
    """One curve a ranking, all measured in one go; the measurement has the circuits of all rankings, in order."""
    chosen = [select(scores, sizes, ranking=ranking, selection=selection) for ranking in rankings]
    # Both rankings at once: a circuit that both choose is run once.
    measurement = measure(task, _joined(chosen))
    faithfulness = measurement.faithfulness().reshape(len(rankings), len(sizes))
    if fractions is None:
        fractions = [size / n_scored(scores) for size in sizes]
    curves = [
        Curve(ranking, tuple(sizes), tuple(fractions), tuple(c.weighted_edge_counts.tolist()), tuple(f.tolist()))
        for ranking, c, f in zip(rankings, chosen, faithfulness, strict=True)
    ]
    return curves, measurement


def _all_neurons(graph: Graph) -> NDArray[np.bool_]:
    return np.ones((1, len(graph.sources), graph.d_model), dtype=np.bool_)


def _joined(circuits: Sequence[Circuits]) -> Circuits:
    kept = np.concatenate([c.kept for c in circuits])
    neurons = [c.neurons for c in circuits if c.neurons is not None]
    return Circuits(circuits[0].graph, kept, np.concatenate(neurons) if neurons else None)


def _bootstrap(measurement: Measurement, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Faithfulness when examples are drawn anew with replacement, [draw, circuit].

    Draws on which full model and empty circuit do not differ are left out.
    """
    n_examples = len(measurement.full)
    weights = rng.multinomial(n_examples, np.full(n_examples, 1 / n_examples), size=n) / n_examples
    full, empty = weights @ measurement.full, weights @ measurement.empty
    # 0 only: a small gap is a draw like any other, and leaving it out would narrow the interval.
    usable = np.abs(full - empty) > 0
    gap = (full - empty)[usable, None]
    return ((weights @ measurement.circuits.T)[usable] - empty[usable, None]) / gap


def _area(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trapezoidal area along the last axis."""
    return np.asarray(((y[..., 1:] + y[..., :-1]) / 2 * np.diff(x)).sum(axis=-1))
