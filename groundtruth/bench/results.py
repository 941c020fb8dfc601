"""The result of a benchmark: what was run, on what, and what each method reached over the models."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from groundtruth.bench.cells import SCHEMA_VERSION, Cell, Failed, Outcome, Skipped, code_sha256, model_sha256, versions
from groundtruth.bench.real_results import Prediction, predictions, real_values
from groundtruth.scoring import ORACLE, Row
from mib.errors import ScoreError
from mib.metrics.validity import Validity, metric_validity

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
class Result:
    """All outcomes of a run.

    Attributes:
        outcomes: Every cell with its outcome, in the order in which they were asked for.
        settings: How it was run: profile, seed, device, dtype, command.
        seconds: Wall time of this run, known cells included.
    """

    outcomes: tuple[tuple[Cell, Outcome], ...]
    settings: Mapping[str, Any]
    seconds: float

    def rows(self, ablation: str | None = None) -> list[Row]:
        """What was scored."""
        return [o for c, o in self.outcomes if isinstance(o, Row) and ablation in (None, c.ablation)]

    @property
    def has_compiled(self) -> bool:
        """Whether any model was compiled; if none was, the table is about the real ones."""
        return any(not cell.task for cell, _ in self.outcomes)

    def compiled_rows(self, ablation: str) -> list[Row]:
        """What was scored on compiled models, whose truth is known."""
        return [row for row in self.rows(ablation) if not row.task]

    def real_rows(self, ablation: str) -> list[Row]:
        """What was scored on language models."""
        return [row for row in self.rows(ablation) if row.task]

    @property
    def ablations(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.ablation for cell, _ in self.outcomes))

    @property
    def methods(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.method for cell, _ in self.outcomes))

    @property
    def models(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.model for cell, _ in self.outcomes))

    @property
    def failures(self) -> list[tuple[Cell, Failed]]:
        """Cells whose method broke its contract or raised."""
        return [(cell, outcome) for cell, outcome in self.outcomes if isinstance(outcome, Failed)]

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
        scored = [o for o in own if isinstance(o, Row)]
        rows = [row for row in scored if not row.task] if self.has_compiled else scored
        table = [columns_of(row) for row in rows]
        names = table[0] if table else ()
        values = {name: [value for row in table if (value := row[name]) is not None] for name in names}
        values |= real_values(scored) if self.has_compiled else {}
        return Summary(
            method=method,
            ablation=ablation,
            n_models=len(rows),
            n_exact=sum(row.live.exact for row in rows if row.live and row.certainty == "exact"),
            n_failed=sum(isinstance(o, Failed) for o in own),
            columns={name: _spread(numbers) for name, numbers in values.items() if numbers},
        )

    def validity(self, ablation: str) -> tuple[Validity, ...]:
        """Whether each metric ranks methods as each exact score does; the oracle, which is no method, is left out."""
        table: dict[str, dict[str, dict[str, float | None]]] = {}
        for row in self.compiled_rows(ablation):
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


def columns_of(row: Row) -> dict[str, float | None]:
    """The columns of a table: exact scores against the live edges (none on a model in superposition), metrics, costs."""
    measured = row.live if row.certainty == "measured" else None
    live = None if measured else row.live
    return {
        "auroc": live and live.auroc,
        "rounded_auroc": live and live.rounded_auroc,
        "average_precision": live and live.average_precision,
        "precision": live and live.precision,
        "recall": live and live.recall,
        "f1": live and live.f1,
        "variables_auroc": live and row.variables and row.variables.auroc,
        "structural_auroc": live and row.structural and row.structural.auroc,
        "measured_auroc": measured and measured.auroc,
        "mib_cpr": row.mib_cpr,
        "mib_cmd": row.mib_cmd,
        "cpr": row.cpr,
        "cmd": row.cmd,
        "true_cpr": row.true_cpr,
        "true_cmd": row.true_cmd,
        "passes": row.passes,
        "seconds": row.seconds,
    }


def as_data(result: Result) -> dict[str, Any]:
    """A result as JSON has it: schema, environment, hashes, summaries, validity, and every cell."""
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": result.seconds,
        "settings": dict(result.settings),
        "environment": environment(),
        "code_sha256": code_sha256(),
        "models_sha256": {name: model_sha256(name) for name in result.models},
        "summaries": [asdict(s) for ablation in result.ablations for s in result.summaries(ablation)],
        "metric_validity": [
            {"ablation": ablation, **_validity_data(entry)}
            for ablation in result.ablations
            for entry in result.validity(ablation)
        ],
        "rank_prediction": [
            {"ablation": ablation, **asdict(entry)}
            for ablation in result.ablations
            for entry in result.predictions(ablation)
        ],
        "cells": [_cell_data(cell, outcome) for cell, outcome in result.outcomes],
    }


def environment() -> dict[str, Any]:
    """Where and with what it was run."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def flat_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One flat record a row, for CSV and Markdown."""
    return [
        {
            "method": row.method,
            "model": row.model,
            "task": row.task,
            "ablation": row.ablation,
            "lengths": row.lengths,
            "level": row.level,
            "seed": row.seed,
            "examples": row.n_examples,
            "true": row.live and row.live.true,
            "judged": row.live and row.live.judged,
            "exact": row.live and row.live.exact if row.certainty == "exact" else None,
            **columns_of(row),
            "cpr_low": row.cpr_interval[0],
            "cpr_high": row.cpr_interval[1],
            "cmd_low": row.cmd_interval[0],
            "cmd_high": row.cmd_interval[1],
        }
        for row in rows
    ]


def _cell_data(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    kind = "scored" if isinstance(outcome, Row) else type(outcome).__name__.lower()
    return {"key": cell.key, "outcome": kind, "cell": asdict(cell), **asdict(outcome)}


def _validity_data(entry: Validity) -> dict[str, Any]:
    def tau(value: float) -> float | None:
        return None if value != value else value

    return {
        "metric": entry.metric,
        "exact": entry.exact,
        "kendall_tau": tau(entry.overall.tau),
        "n_pairs": entry.overall.n_pairs,
        "per_model": {model: tau(agreement.tau) for model, agreement in entry.per_model.items()},
    }


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)


def _standing(summary: Summary) -> tuple[bool, float]:
    best = summary.columns.get("auroc") or summary.columns.get("cpr")
    return summary.method != ORACLE, -best.mean if best else 1.0
