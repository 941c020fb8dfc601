"""The result of a benchmark: what was run, on what, and what each method reached over the models."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtruth.notebook_table import notebook_table
from groundtruth.results.cell import ORACLE, Cell, Failed, Outcome, Skipped
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.model_tiers import IMPLICIT, base_and_tier
from groundtruth.results.rank_prediction import LANGUAGE_MODEL, Prediction, predictions
from groundtruth.results.summary import Spread, Summary
from groundtruth.results.track_tables import TABLES, TrackTables
from groundtruth.results.variable_scores import VariableScores
from groundtruth.variants.tiers import RAW
from mib.errors import ScoreError
from mib.metrics.metric_validity import Validity, metric_validity

Scores = CircuitScores | VariableScores


def tier_of(scores: Scores) -> str:
    """The tier that scores were reached on: the model's, but for a variable that is implicit in a model as compiled."""
    tier = base_and_tier(scores.model)[1]
    return IMPLICIT if tier == RAW and isinstance(scores, VariableScores) and scores.implicit else tier


CONTROLS = "controls"
"""Group of what methods are compared with: the oracle, chance, what is blind to the task."""


@dataclass(frozen=True)
class Result:
    """All outcomes of a run of one track.

    Attributes:
        outcomes: Every cell with its outcome, in the order in which they were asked for.
        settings: Settings of the run: profile, seed, device, dtype, command.
        seconds: Wall time of this run, known cells included.
        controls: Names of the methods that are shown apart and not ranked, beside the oracle.
    """

    outcomes: tuple[tuple[Cell, Outcome], ...]
    settings: Mapping[str, Any]
    seconds: float
    controls: frozenset[str] = frozenset()

    @property
    def tables(self) -> TrackTables:
        """The tables of the track that the cells belong to; of the first there is where there is no cell."""
        return TABLES[self.outcomes[0][0].setting.track] if self.outcomes else next(iter(TABLES.values()))

    def is_control(self, method: str) -> bool:
        """Tell whether a method is something to compare contestants with, and not ranked: the oracle always is."""
        return method == ORACLE or method in self.controls

    @property
    def has_compiled(self) -> bool:
        """True if any model was compiled; if none was, the table is about language models."""
        return any(not cell.task for cell, _ in self.outcomes)

    @property
    def methods(self) -> list[str]:
        """The methods in the order in which they were asked for."""
        return list(dict.fromkeys(cell.method for cell, _ in self.outcomes))

    @property
    def models(self) -> list[str]:
        """The models in the order in which they were asked for."""
        return list(dict.fromkeys(cell.model for cell, _ in self.outcomes))

    @property
    def places(self) -> list[str]:
        """Models, or variables at sites, that methods are compared on, in the order in which they were asked for."""
        return list(dict.fromkeys(cell.place for cell, _ in self.outcomes))

    @property
    def ablations(self) -> list[str]:
        """The ablations in the order in which they were asked for; one empty name in a track that cuts no edges."""
        return list(dict.fromkeys(cell.ablation for cell, _ in self.outcomes))

    @property
    def seeds(self) -> list[int]:
        """The seeds in ascending order."""
        return sorted({cell.seed for cell, _ in self.outcomes})

    @property
    def failures(self) -> list[tuple[Cell, Failed]]:
        """Cells whose method broke its contract or raised."""
        return [(cell, outcome) for cell, outcome in self.outcomes if isinstance(outcome, Failed)]

    def scores(self, ablation: str | None = None) -> list[Any]:
        """List what was scored, under one ablation or all."""
        return [o for c, o in self.outcomes if isinstance(o, Scores) and ablation in (None, c.ablation)]

    def compiled_scores(self, ablation: str | None = None) -> list[Any]:
        """List what was scored on compiled models, whose truth is known."""
        return [scores for scores in self.scores(ablation) if not scores.task]

    def language_model_scores(self, ablation: str | None = None) -> list[Any]:
        """List what was scored on language models."""
        return [scores for scores in self.scores(ablation) if scores.task]

    def skipped(self, ablation: str | None = None) -> dict[str, Skipped]:
        """Give what was left out, by place, or by method and place where only the method cannot run."""
        return {
            cell.place if outcome.scope == "model" else f"{cell.method} on {cell.place}": outcome
            for cell, outcome in self.outcomes
            if isinstance(outcome, Skipped) and ablation in (None, cell.ablation)
        }

    def summaries(self, ablation: str = "") -> list[Summary]:
        """Summarize each method that has a score: kind by kind by its rank, controls last.

        Args:
            ablation: One of ``ablations``; empty in a track that cuts no edges.
        """
        tiers = self.tiers if self.tables.scoring.by_tier else []
        found = [self._summary(method, ablation, tiers) for method in self.methods]
        scored = [summary for summary in found if summary.n_scored or summary.n_failed]
        scoring = self.tables.scoring
        names = (scoring.by_tier, *scoring.ranked_by) if len(tiers) > 1 else scoring.ranked_by
        return sorted(scored, key=lambda summary: _standing(summary, names))

    def _summary(self, method: str, ablation: str, tiers: Sequence[str]) -> Summary:
        own = [o for c, o in self.outcomes if c.method == method and c.ablation == ablation]
        scored = [o for o in own if isinstance(o, Scores)]
        chosen = [scores for scores in scored if not scores.task] if self.has_compiled else scored
        scoring = self.tables.scoring
        columns = {**scoring.average(chosen), **self._by_tier(chosen, tiers)}
        if self.has_compiled:
            beside = scoring.average([scores for scores in scored if scores.task])
            shown = [name for name in scoring.language_model_columns if name in beside]
            columns |= {LANGUAGE_MODEL + name: beside[name] for name in shown}
        return Summary(
            method=method,
            ablation=ablation,
            n_scored=len(chosen),
            n_failed=sum(isinstance(o, Failed) for o in own),
            columns=columns,
            fractions=scoring.fractions(chosen),
            group=CONTROLS if self.is_control(method) else scoring.group(scored),
            is_control=self.is_control(method),
        )

    @property
    def tiers(self) -> list[str]:
        """The tiers of the models that were compiled or trained, in the order in which they were asked for."""
        found = [(cell.model, outcome) for cell, outcome in self.outcomes if not cell.task]
        return list(
            dict.fromkeys(tier_of(one) if isinstance(one, Scores) else base_and_tier(model)[1] for model, one in found)
        )

    def _by_tier(self, scores: Sequence[Any], tiers: Sequence[str]) -> dict[str, Spread]:
        """The column that is told tier by tier, over the models of each; nothing where all stand on one."""
        if len(tiers) < 2:
            return {}
        scoring = self.tables.scoring
        found = {tier: scoring.average([one for one in scores if tier_of(one) == tier]) for tier in tiers}
        name = scoring.by_tier
        return {f"{name}_{tier}": columns[name] for tier, columns in found.items() if name in columns}

    def validity(self, ablation: str = "") -> tuple[Validity, ...]:
        """Say whether each metric ranks methods as each exact score does; controls are left out."""
        scoring = self.tables.scoring
        table = self._table(ablation)
        known = {name for methods in table.values() for columns in methods.values() for name in columns}
        try:
            return metric_validity(
                table,
                metrics=[name for name in scoring.metrics if name in known],
                exact=[name for name in scoring.exact if name in known],
                lower_is_better=self.tables.lower_is_better,
            )
        except ScoreError:
            return ()  # nothing was scored against a truth

    def records(self) -> list[dict[str, Any]]:
        """List the scores as flat records, as a CSV file has them."""
        return [self.tables.scoring.record(scores) for scores in self.scores()]

    def to_frame(self) -> Any:
        """Give the scores as a pandas data frame, or as a list of records where pandas is not installed."""
        try:
            import pandas as pd
        except ImportError:
            return self.records()
        return pd.DataFrame.from_records(self.records())

    def _repr_html_(self) -> str:
        """Table of the methods' means over models, for notebooks; controls come last."""
        found = [(ablation, summary) for ablation in self.ablations for summary in self.summaries(ablation)]
        shown = [
            column
            for column in self.tables.columns
            if column.place == "screen" and any(column.name in summary.columns for _, summary in found)
        ]
        rows = [
            (summary.method + (" (control)" if summary.is_control else ""), ablation)
            + tuple(summary.columns[c.name].mean if c.name in summary.columns else None for c in shown)
            for ablation, summary in found
        ]
        headings = ("method", "ablation", *(column.heading.replace("\xad", "") for column in shown))
        return notebook_table(f"{self.tables.name}: mean over {len(self.places)} places", headings, rows)

    def _table(self, ablation: str) -> dict[str, dict[str, dict[str, float]]]:
        """Average compiled models' scores over seeds, by place, method and column."""
        found: dict[str, dict[str, dict[str, list[float]]]] = {}
        controls = {method for method in self.methods if self.is_control(method)}
        for cell, scores in self.outcomes:
            if not isinstance(scores, Scores) or cell.ablation != ablation or cell.task or cell.method in controls:
                continue
            columns = found.setdefault(cell.place, {}).setdefault(cell.method, {})
            for name, value in self.tables.scoring.values(scores).items():
                if value is not None:
                    columns.setdefault(name, []).append(value)
        return {
            place: {
                method: {name: statistics.fmean(values) for name, values in columns.items()}
                for method, columns in methods.items()
            }
            for place, methods in found.items()
        }

    def predictions(self, ablation: str = "") -> tuple[Prediction, ...]:
        """Say how far the rank of a method on compiled models predicts that on language models."""
        scoring, lower = self.tables.scoring, self.tables.lower_is_better
        return predictions(
            {
                summary.method: {name: column.mean for name, column in summary.columns.items()}
                for summary in self.summaries(ablation)
                if not summary.is_control
            },
            predictors=scoring.predictors,
            predicted_columns=scoring.predicted,
            lower_is_better=lower,
        )


def result_of(
    outcomes: Iterable[tuple[Cell, Outcome]], *, seconds: float, controls: Iterable[str] = (), **settings: Any
) -> Result:
    """Gather outcomes as a result."""
    return Result(tuple(outcomes), settings, seconds, frozenset(controls))


def by_task(rows: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Sort the scores of language models by subject, ``model/task``, and method."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.task:
            found.setdefault(f"{row.model}/{row.task}", {})[row.method] = row
    return found


def _standing(summary: Summary, ranked_by: Sequence[str]) -> tuple[bool, str, bool, float]:
    """Where a method stands in a table: by the first of the columns in which it has a value."""
    best = next((summary.columns[name] for name in ranked_by if name in summary.columns), None)
    return summary.is_control, summary.group, summary.method != ORACLE, -best.mean if best else 1.0
