"""The result of a benchmark: what was run, on what, and what each method reached over the models."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from groundtruth.bench.cells import Cell, Failed, Outcome, Skipped
from groundtruth.bench.language_model_results import Prediction, language_model_values, predictions
from groundtruth.bench.outcomes import Outcomes, cell_data, heading_data, validity_data
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from groundtruth.evaluation.evaluator import ORACLE
from mib.errors import ScoreError
from mib.metrics.metric_validity import Validity, metric_validity

METRICS = ("cpr", "cmd", "mib_cpr", "mib_cmd")
"""Columns that need no truth."""

EXACT = ("auroc", "average_precision", "f1")
"""Columns that do, against the live edges."""

LOWER_IS_BETTER = ("cmd", "mib_cmd", "real_cmd", "real_mib_cmd", "passes", "seconds")


@dataclass(frozen=True)
class Spread:
    """A column over models.

    Attributes:
        mean: Over models that have a value.
        std: Standard deviation over them; 0 for one model.
    """

    mean: float
    std: float


@dataclass(frozen=True)
class Summary:
    """One method over all models under one ablation.

    Attributes:
        method: Its name.
        ablation: What flowed along cut edges.
        n_models: On how many models it was scored; if any is compiled, language models do not count.
        n_exact: On how many it recovered the live edges exactly.
        n_failed: On how many it failed.
        columns: Mean and spread of each column that has a value.
    """

    method: str
    ablation: str
    n_models: int
    n_exact: int
    n_failed: int
    columns: Mapping[str, Spread]


@dataclass(frozen=True)
class Result(Outcomes[Cell]):
    """All outcomes of a run of the circuit track."""

    def rows(self, ablation: str | None = None) -> list[CircuitScores]:
        """What was scored."""
        return [o for c, o in self.outcomes if isinstance(o, CircuitScores) and ablation in (None, c.ablation)]

    def compiled_scores(self, ablation: str) -> list[CircuitScores]:
        """What was scored on compiled models, whose truth is known."""
        return [row for row in self.rows(ablation) if not row.task]

    def language_model_scores(self, ablation: str) -> list[CircuitScores]:
        """What was scored on language models."""
        return [row for row in self.rows(ablation) if row.task]

    @property
    def ablations(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.ablation for cell, _ in self.outcomes))

    def skipped(self, ablation: str) -> dict[str, Skipped]:
        """By model, or by method where only the method cannot run."""
        return {
            cell.subject if outcome.scope == "model" else cell.method: outcome
            for cell, outcome in self.outcomes
            if isinstance(outcome, Skipped) and cell.ablation == ablation
        }

    def summaries(self, ablation: str) -> list[Summary]:
        """One for each method that has a score: the oracle first, then by falling AUROC (CPR at neuron level)."""
        found = [self._summary(method, ablation) for method in self.methods]
        scored = [summary for summary in found if summary.n_models or summary.n_failed]
        return sorted(scored, key=_standing)

    def _summary(self, method: str, ablation: str) -> Summary:
        own = [o for c, o in self.outcomes if c.method == method and c.ablation == ablation]
        scored = [o for o in own if isinstance(o, CircuitScores)]
        rows = [row for row in scored if not row.task] if self.has_compiled else scored
        table = [columns_of(row) for row in rows]
        names = table[0] if table else ()
        values = {name: [value for row in table if (value := row[name]) is not None] for name in names}
        values |= language_model_values(scored) if self.has_compiled else {}
        return Summary(
            method=method,
            ablation=ablation,
            n_models=len(rows),
            n_exact=sum(bool(is_exact(row)) for row in rows),
            n_failed=sum(isinstance(o, Failed) for o in own),
            columns={name: _spread(numbers) for name, numbers in values.items() if numbers},
        )

    def validity(self, ablation: str) -> tuple[Validity, ...]:
        """Whether each metric ranks methods as each exact score does; the oracle, which is no method, is left out."""
        table: dict[str, dict[str, dict[str, float | None]]] = {}
        for row in self.compiled_scores(ablation):
            if row.method != ORACLE:
                table.setdefault(row.model, {})[row.method] = columns_of(row)
        try:
            return metric_validity(table, metrics=METRICS, exact=EXACT, lower_is_better=LOWER_IS_BETTER)
        except ScoreError:
            return ()  # nothing was scored against a truth

    def predictions(self, ablation: str) -> tuple[Prediction, ...]:
        """How far the rank of a method on compiled models predicts that on real ones."""
        summaries = self.summaries(ablation)
        return predictions({s.method: {name: c.mean for name, c in s.columns.items()} for s in summaries})


def result_of(outcomes: Iterable[tuple[Cell, Outcome]], *, seconds: float, **settings: Any) -> Result:
    """Outcomes as a result."""
    return Result(tuple(outcomes), settings, seconds)


def columns_of(row: CircuitScores) -> dict[str, float | None]:
    """The columns of a table: exact scores against the live edges (none in superposition), metrics, costs."""
    truth = row.truth
    measured = truth.live if truth and truth.certainty == "measured" else None
    live = None if measured else row.live
    return {
        "auroc": live and live.auroc,
        "rounded_auroc": live and live.rounded_auroc,
        "average_precision": live and live.average_precision,
        "precision": live and live.precision,
        "recall": live and live.recall,
        "f1": live and live.f1,
        "variables_auroc": live and truth and truth.variables and truth.variables.auroc,
        "structural_auroc": live and truth and truth.structural and truth.structural.auroc,
        "measured_auroc": measured and measured.auroc,
        "mib_cpr": row.mib_cpr,
        "mib_cmd": row.mib_cmd,
        "cpr": row.cpr,
        "cmd": row.cmd,
        "true_cpr": truth and truth.true_cpr,
        "true_cmd": truth and truth.true_cmd,
        "passes": row.passes,
        "seconds": row.seconds,
    }


def is_exact(row: CircuitScores) -> bool | None:
    """Say whether the live edges were recovered exactly; ``None`` where they are not known exactly."""
    return row.live.exact if row.live and row.truth and row.truth.certainty == "exact" else None


def as_data(result: Result) -> dict[str, Any]:
    """A result as JSON has it: schema, environment, hashes, summaries, validity, and every cell."""
    return {
        **heading_data(result),
        "summaries": [asdict(s) for ablation in result.ablations for s in result.summaries(ablation)],
        "metric_validity": [
            {"ablation": ablation, **validity_data(entry, places="per_model")}
            for ablation in result.ablations
            for entry in result.validity(ablation)
        ],
        "rank_prediction": [
            {"ablation": ablation, **asdict(entry)}
            for ablation in result.ablations
            for entry in result.predictions(ablation)
        ],
        "cells": [cell_data(cell, outcome) for cell, outcome in result.outcomes],
    }


def flat_rows(rows: Sequence[CircuitScores]) -> list[dict[str, Any]]:
    """One flat record a row, for CSV and Markdown."""
    return [
        {
            "method": row.method,
            "model": row.model,
            "task": row.task,
            "ablation": row.ablation,
            "lengths": row.truth.lengths if row.truth else "",
            "level": row.level,
            "seed": row.seed,
            "examples": row.n_examples,
            "true": row.live and row.live.true,
            "judged": row.live and row.live.judged,
            "exact": is_exact(row),
            **columns_of(row),
            "cpr_low": row.cpr_interval[0],
            "cpr_high": row.cpr_interval[1],
            "cmd_low": row.cmd_interval[0],
            "cmd_high": row.cmd_interval[1],
        }
        for row in rows
    ]


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)


def _standing(summary: Summary) -> tuple[bool, float]:
    best = summary.columns.get("auroc") or summary.columns.get("cpr")
    return summary.method != ORACLE, -best.mean if best else 1.0
