"""How the scores of each track are read, and the columns of its tables: all that a result needs to be shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtruth.column import Column, lower_is_better
from groundtruth.errors import DomainError
from groundtruth.results.circuit_columns import CIRCUIT_COLUMNS
from groundtruth.results.circuit_values import average_circuits, circuit_record, circuit_values, exact_fraction
from groundtruth.results.summary import Spread
from groundtruth.results.variable_columns import VARIABLE_COLUMNS
from groundtruth.results.variable_values import (
    average_variables,
    count_illusions,
    group_by_kind,
    variable_record,
    variable_values,
)
from mib.errors import did_you_mean


@dataclass(frozen=True)
class Scoring:
    """How the scores of a track are read, one by one and over all models.

    Attributes:
        values: Gives the columns of one score.
        average: Gives the mean and spread of each column over the scores of one method.
        fractions: Gives the columns that count, over the scores of one method.
        group: Names the kind of a method, from its scores; methods are ranked within it.
        record: Gives one score as a flat line of a CSV file.
        metrics: Columns that need no truth, whose ranks are held against those of ``exact``.
        exact: Columns that do.
        predictors: Columns over compiled models whose ranks are held against those of ``predicted``.
        held_against: Further columns that are held against rankings of language models tier by tier.
        predicted: Columns over language models.
        language_model_columns: Columns that are shown of language models beside compiled ones.
        ranked_by: Columns that order a table: the first that has a value.
        by_tier: Column that is told tier by tier too where models stand on several, as its name, ``_`` and the tier's;
            there it orders the table.
    """

    values: Callable[[Any], dict[str, float | None]]
    average: Callable[[Sequence[Any]], dict[str, Spread]]
    fractions: Callable[[Sequence[Any]], dict[str, tuple[int, int]]]
    group: Callable[[Sequence[Any]], str]
    record: Callable[[Any], dict[str, Any]]
    metrics: tuple[str, ...]
    exact: tuple[str, ...]
    predictors: tuple[str, ...]
    predicted: tuple[str, ...]
    language_model_columns: tuple[str, ...]
    ranked_by: tuple[str, ...]
    by_tier: str = ""
    held_against: tuple[str, ...] = ()

    @property
    def validated(self) -> tuple[str, ...]:
        """The columns whose validity is measured, the one that the verdict rests on first."""
        return (*self.predictors, *self.held_against)


@dataclass(frozen=True)
class TrackTables:
    """What a result of one track is read and shown by; nothing of it runs a model.

    Attributes:
        name: Name of the track, as ``--track`` takes it.
        columns: Columns of its tables.
        scoring: Rules by which its scores are read.
        thresholds: Columns that ``--fail-under`` takes.
    """

    name: str
    columns: tuple[Column, ...]
    scoring: Scoring
    thresholds: tuple[str, ...]

    @property
    def lower_is_better(self) -> tuple[str, ...]:
        """The columns in which less is better."""
        return lower_is_better(self.columns)


CIRCUIT_TABLES = TrackTables(
    name="circuits",
    columns=CIRCUIT_COLUMNS,
    scoring=Scoring(
        values=circuit_values,
        average=average_circuits,
        fractions=exact_fraction,
        group=lambda _: "",
        record=circuit_record,
        metrics=("cpr", "cmd", "mib_cpr", "mib_cmd"),
        exact=("auroc", "average_precision", "f1"),
        predictors=("auroc", "average_precision", "f1", "cmd", "cpr"),
        predicted=("real_cmd", "real_mib_cmd"),
        language_model_columns=("mib_cpr", "mib_cmd", "cpr", "cmd"),
        ranked_by=("auroc", "cpr"),
        by_tier="auroc",
        held_against=("size_to_sufficiency", "gap"),
    ),
    thresholds=(
        "auroc", "average_precision", "precision", "recall", "f1", "size_to_sufficiency", "gap",
        "stability", "variables_auroc", "structural_auroc", "cpr", "cmd", "mib_cpr", "mib_cmd", "passes", "seconds",
    ),
)  # fmt: skip

VARIABLE_TABLES = TrackTables(
    name="variables",
    columns=VARIABLE_COLUMNS,
    scoring=Scoring(
        values=variable_values,
        average=average_variables,
        fractions=count_illusions,
        group=group_by_kind,
        record=variable_record,
        metrics=("accuracy", "disentangle", "all_pairs", "validation"),
        exact=("recall", "precision", "f1", "inside", "carried"),
        predictors=("accuracy", "disentangle", "recall", "precision", "f1", "inside", "carried"),
        predicted=("real_accuracy", "real_mib_best"),
        language_model_columns=(
            "accuracy", "isolation", "disentangle", "mib", "mib_mean", "mib_best", "mib_best_on_test", "selectivity",
            "rank",
        ),
        ranked_by=("f1", "inside", "accuracy", "real_accuracy"),
        by_tier="accuracy",
    ),
    thresholds=(
        "accuracy", "domain_accuracy", "isolation", "disentangle", "recall", "precision", "f1", "inside", "carried",
        "natural",
        "selectivity", "rank", "shuffled", "arbitrary", "variant", "illusion", "mib_mean", "mib_best", "real_accuracy",
        "real_mib_best", "seconds",
    ),
)  # fmt: skip

TABLES: Mapping[str, TrackTables] = {tables.name: tables for tables in (CIRCUIT_TABLES, VARIABLE_TABLES)}


def find_tables(track: str) -> TrackTables:
    """Find the tables of a track by its name.

    Raises:
        DomainError: If there is no such track.
    """
    if track not in TABLES:
        raise DomainError(f"unknown track '{track}'.{did_you_mean(track, TABLES)} Choose from {', '.join(TABLES)}.")
    return TABLES[track]
