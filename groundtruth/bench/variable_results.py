"""The result of the variable track: what each method reached over variables and seeds."""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from groundtruth.bench.cells import Failed, Outcome, Skipped
from groundtruth.bench.language_model_results import REAL, Prediction, predictions
from groundtruth.bench.outcomes import Outcomes, cell_data, heading_data, or_none, validity_data
from groundtruth.bench.variable_cells import VariableCell
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.variables.variable_evaluator import KINDS
from groundtruth.evaluation.variables.variable_scores import VariableScores
from mib.errors import ScoreError
from mib.metrics.interchange_scores import mib_aggregate
from mib.metrics.metric_validity import Validity, metric_validity
from mib.site import Site

METRICS = ("accuracy", "disentangle", "all_pairs", "validation")
"""Columns that need no truth."""

EXACT = ("recall", "precision", "f1", "inside", "carried")
"""Columns that do."""

REAL_COLUMNS = (
    "accuracy", "isolation", "disentangle", "mib", "mib_mean", "mib_best", "mib_best_on_test", "selectivity", "rank",
)  # fmt: skip
"""What is measured on language models; in a summary beside compiled ones their names begin with ``real_``."""

PREDICTED = ("real_accuracy", "real_mib_best")

TRACK = "variables"


@dataclass(frozen=True)
class SeedSpread:
    """A column over variables and seeds.

    Attributes:
        mean: Over variables, of the means over seeds.
        std: Over seeds: the standard deviation within a variable, in the mean over variables; 0 for one seed.
        n: Over how many variables.
    """

    mean: float
    std: float
    n: int


@dataclass(frozen=True)
class VariableSummary:
    """One method over all variables.

    Attributes:
        method: Its name.
        linear: Whether it finds subspaces.
        n_rows: How many (variable, site, seed) it was scored on; if any model is compiled, of such ones only.
        n_illusions: In how many of them accuracy is high and precision low.
        n_failed: On how many it failed.
        rank: How many features it swaps, in the mean.
        minimal_rank: How many dimensions are to be found, in the mean; NaN where it is not known.
        columns: Mean and spread of each column that has a value; beside those of compiled models those of language
            models, whose names begin with ``real_``.
    """

    method: str
    linear: bool
    n_rows: int
    n_illusions: int
    n_failed: int
    rank: float
    minimal_rank: float
    columns: Mapping[str, SeedSpread]


@dataclass(frozen=True)
class VariableResult(Outcomes[VariableCell]):
    """All outcomes of a run of the variable track."""

    @property
    def rows(self) -> list[VariableScores]:
        """What was scored."""
        return [outcome for _, outcome in self.outcomes if isinstance(outcome, VariableScores)]

    @property
    def compiled_scores(self) -> list[VariableScores]:
        """What was scored on compiled models, whose truth is known."""
        return [row for row in self.rows if not row.task]

    @property
    def language_model_scores(self) -> list[VariableScores]:
        """What was scored on language models."""
        return [row for row in self.rows if row.task]

    @property
    def places(self) -> list[str]:
        """Models, variables and sites, in the order in which they were asked for."""
        return list(dict.fromkeys(cell.place for cell, _ in self.outcomes))

    @property
    def seeds(self) -> list[int]:
        """In ascending order."""
        return sorted({cell.seed for cell, _ in self.outcomes})

    @property
    def skipped(self) -> dict[str, Skipped]:
        """By variable and site, or by method where only the method cannot run."""
        return {
            cell.place if outcome.scope == "model" else f"{cell.method} on {cell.place}": outcome
            for cell, outcome in self.outcomes
            if isinstance(outcome, Skipped)
        }

    def summaries(self) -> list[VariableSummary]:
        """One for each method that has a score: the oracle first, then by falling F1 of recall and precision."""
        found = [self._summary(method) for method in self.methods]
        return sorted((s for s in found if s.n_rows or s.n_failed), key=_standing)

    def _summary(self, method: str) -> VariableSummary:
        own = [(cell, outcome) for cell, outcome in self.outcomes if cell.method == method]
        scored = [outcome for _, outcome in own if isinstance(outcome, VariableScores)]
        real = [row for row in scored if row.task]
        rows = [row for row in scored if not row.task] if self.has_compiled else scored
        columns = columns_over(rows)
        if self.has_compiled:
            found = columns_over(real)
            columns |= {REAL + name: found[name] for name in REAL_COLUMNS if name in found}
        ranks = [row.minimal_rank for row in rows if row.minimal_rank is not None]
        return VariableSummary(
            method=method,
            linear=all(row.linear for row in scored),
            n_rows=len(rows),
            n_illusions=sum(row.illusion for row in rows),
            n_failed=sum(isinstance(outcome, Failed) for _, outcome in own),
            rank=statistics.fmean(row.rank for row in rows) if rows else math.nan,
            minimal_rank=statistics.fmean(ranks) if ranks else math.nan,
            columns=columns,
        )

    def predictions(self) -> tuple[Prediction, ...]:
        """How far the rank of a method on compiled models predicts that on language models."""
        return predictions(
            {s.method: {name: spread.mean for name, spread in s.columns.items()} for s in self.summaries()},
            predictors=(*METRICS[:2], *EXACT),
            predicted_columns=PREDICTED,
        )

    def validity(self) -> tuple[Validity, ...]:
        """Whether each metric ranks methods as each exact score does; the oracle, which is no method, is left out."""
        table: dict[str, dict[str, dict[str, list[float]]]] = {}
        for cell, row in self.outcomes:
            if isinstance(row, VariableScores) and row.method != ORACLE and not row.task:
                columns = table.setdefault(cell.place, {}).setdefault(row.method, {})
                for name, value in variable_columns(row).items():
                    if value is not None:
                        columns.setdefault(name, []).append(value)
        means = {
            place: {
                method: {name: statistics.fmean(values) for name, values in columns.items()}
                for method, columns in methods.items()
            }
            for place, methods in table.items()
        }
        known = {name for methods in means.values() for columns in methods.values() for name in columns}
        try:
            return metric_validity(
                means,
                metrics=[name for name in METRICS if name in known],
                exact=[name for name in EXACT if name in known],
            )
        except ScoreError:
            return ()


def variable_result_of(
    outcomes: Iterable[tuple[VariableCell, Outcome]], *, seconds: float, **settings: Any
) -> VariableResult:
    """Outcomes as a result."""
    return VariableResult(tuple(outcomes), {"track": TRACK, **settings}, seconds)


def columns_over(rows: Sequence[VariableScores]) -> dict[str, SeedSpread]:
    """Every column of one method's rows that has a value, MIB's summary over sites among them."""
    by_place: dict[tuple[str, ...], list[dict[str, float | None]]] = {}
    by_variable: dict[tuple[str, str], dict[int, list[VariableScores]]] = {}
    for row in rows:
        by_place.setdefault((row.subject, row.variable, row.site), []).append(variable_columns(row))
        by_variable.setdefault((row.subject, row.variable), {}).setdefault(row.seed, []).append(row)
    names = next(iter(by_place.values()))[0] if by_place else ()
    spreads = {name: _spread([[row[name] for row in seeds] for seeds in by_place.values()]) for name in names}
    summaries = [[mib_columns(own) for own in seeds.values()] for seeds in by_variable.values()]
    for name in summaries[0][0] if summaries else ():
        spreads[name] = _spread([[found[name] for found in seeds] for seeds in summaries])
    return {name: spread for name, spread in spreads.items() if spread is not None}


def variable_columns(row: VariableScores) -> dict[str, float | None]:
    """The columns of a table: interchange accuracies, exact scores, controls, costs."""
    overlap, energy = row.overlap, row.overlap and row.overlap.energy
    controls = {control.kind: control.accuracy for control in row.controls}
    movement = row.movement
    exact = None if overlap is None else (overlap.recall, overlap.precision)
    return {
        "accuracy": row.accuracy,
        "all_pairs": row.all_pairs,
        "cause": row.cause,
        "isolation": row.isolation,
        "disentangle": row.disentangle,
        "validation": row.validation,
        "recall": exact and exact[0],
        "precision": exact and exact[1],
        "f1": exact and _f1(*exact),
        "inside": movement and movement.inside,
        "carried": movement and movement.carried,
        "natural": movement and movement.natural,
        "energy_live": energy and energy.live,
        "energy_others": energy and energy.others,
        "energy_dormant": energy and energy.dormant,
        "energy_dead": energy and energy.dead,
        "energy_null": energy and energy.null,
        **{kind: controls.get(kind) for kind in KINDS},
        "selectivity": row.selectivity,
        "mib": row.mib,
        "illusion": None if row.task else float(row.illusion),
        "rank": float(row.rank),
        "seconds": row.seconds,
    }


def mib_columns(rows: Sequence[VariableScores]) -> dict[str, float]:
    """MIB's summary of one method on one variable over sites.

    ``mib_mean`` and ``mib_best`` choose positions and layer on the validation split; ``mib_best_on_test`` on the scored
    one, as MIB does. Places behind one block are its positions. Of compiled models these are accuracies on
    distinguishing pairs; of language models those on all pairs, the mean over families, as in MIB.

    Args:
        rows: Of one method, variable and seed, one a site.
    """
    layers: dict[int, list[VariableScores]] = {}
    for row in rows:
        layers.setdefault(Site.parse(row.site.partition("@")[0]).layer, []).append(row)
    shared = set.intersection(*({family.name for family in row.families} for row in rows))
    scores, chosen = (
        np.full((max(1, len(shared)), len(layers), max(map(len, layers.values()))), np.nan) for _ in range(2)
    )
    for i, layer in enumerate(sorted(layers)):
        for j, row in enumerate(layers[layer]):
            scores[:, i, j], chosen[:, i, j] = zip(*_by_data_set(row, shared), strict=True)
    fair, as_mib = mib_aggregate(scores, choose_by=chosen), mib_aggregate(scores)
    return {"mib_mean": fair.mean, "mib_best": fair.best, "mib_best_on_test": as_mib.best}


def _by_data_set(row: VariableScores, families: Collection[str]) -> list[tuple[float, float]]:
    """Scores with what sites are chosen by: a family each, or one where a model is compiled."""
    if not families:
        return [(row.accuracy, row.accuracy if row.validation is None else row.validation)]
    return [(family.accuracy, family.validation) for family in row.families if family.name in families]


def variable_data(result: VariableResult) -> dict[str, Any]:
    """A result as JSON has it: schema, environment, hashes, summaries, validity, and every cell."""
    return {
        **heading_data(result, track=TRACK),
        "summaries": [_finite(asdict(summary)) for summary in result.summaries()],
        "metric_validity": [validity_data(entry, places="per_place") for entry in result.validity()],
        "rank_prediction": [asdict(entry) for entry in result.predictions()],
        "cells": [_cell_data(cell, outcome) for cell, outcome in result.outcomes],
    }


def flat_variable_rows(result: VariableResult) -> list[dict[str, Any]]:
    """One flat record a row, for CSV."""
    return [
        {
            "method": row.method,
            "model": row.model,
            "task": row.task,
            "variable": row.variable,
            "site": row.site,
            "state": row.truth.state if row.truth else "",
            "seed": row.seed,
            "train": row.n_train,
            "test": row.n_test,
            "linear": row.linear,
            "minimal_rank": row.minimal_rank,
            **variable_columns(row),
            "accuracy_low": row.interval[0],
            "accuracy_high": row.interval[1],
        }
        for row in result.rows
    ]


def _cell_data(cell: VariableCell, outcome: Outcome) -> dict[str, Any]:
    derived = (
        {"illusion": outcome.illusion, "selectivity": outcome.selectivity}
        if isinstance(outcome, VariableScores)
        else {}
    )
    return {**cell_data(cell, outcome), **derived}


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    return {key: or_none(value) if isinstance(value, float) else value for key, value in data.items()}


def _f1(recall: float | None, precision: float | None) -> float | None:
    """Harmonic mean; 0 if nothing was found."""
    if recall is None:
        return None
    total = recall + (precision or 0.0)
    return 2 * recall * (precision or 0.0) / total if total else 0.0


def _spread(values: Sequence[Sequence[float | None]]) -> SeedSpread | None:
    """Of values by variable and seed."""
    known = [[value for value in seeds if value is not None] for seeds in values]
    known = [seeds for seeds in known if seeds]
    if not known:
        return None
    stds = [statistics.stdev(seeds) if len(seeds) > 1 else 0.0 for seeds in known]
    return SeedSpread(statistics.fmean(map(statistics.fmean, known)), statistics.fmean(stds), len(known))


def _standing(summary: VariableSummary) -> tuple[bool, bool, float]:
    names = ("f1", "inside", "accuracy", "real_accuracy")
    best = next((summary.columns[name] for name in names if name in summary.columns), None)
    return summary.method != ORACLE, not summary.linear, -best.mean if best else 1.0
