"""A track of the benchmark as one value: its methods, models, evaluators, columns, thresholds and contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtruth.bench.cell import Cell
from groundtruth.bench.request import Profile, Request, Subject
from groundtruth.bench.summary import Spread
from groundtruth.column import Column, lower_is_better
from groundtruth.evaluation.evaluator import ORACLE, Evaluator
from groundtruth.user_methods import UserMethod, is_own_method
from mib.localization.task import Level


@dataclass(frozen=True)
class Methods:
    """The methods of a track.

    Attributes:
        get: Finds a registered method by name.
        registered: Lists the registered methods.
        names: Names of all that run at a level, the oracle first where there is a truth.
        load: Loads a method from a user's file.
        always: Names that stand beside every table.
        compared: Names that stand beside one's own method, unless others are asked for, at a level.
    """

    get: Callable[[str], Any]
    registered: Callable[[], list[Any]]
    names: Callable[[Level], list[str]]
    load: Callable[[str, Level], UserMethod[Any]]
    always: tuple[str, ...]
    compared: Callable[[Level], list[str]]

    def find(self, name: str, level: Level = "edge") -> Any:
        """Find a method by what a user would call it: a registered one's name, or one's own by file or module.

        Raises:
            MethodError: If there is none.
        """
        return self.load(name, level).method if is_own_method(name) else self.get(name)

    def is_foreign(self, name: str) -> bool:
        """Tell whether a method comes from a user's file or a plug-in, and not with this package."""
        return is_own_method(name) or (name != ORACLE and not self.get(name).function.__module__.startswith("mib."))

    def parameters(self, name: str, level: Level = "edge") -> dict[str, Any]:
        """List the hyper-parameters of a method with their defaults.

        Raises:
            MethodError: If there is no such method.
        """
        return {} if name == ORACLE else self.find(name, level).parameters


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
        predicted: Columns over language models.
        language_model_columns: Columns that are shown of language models beside compiled ones.
        ranked_by: Columns that order a table: the first that has a value.
        by_tier: Column that is told tier by tier too, where models stand on several, as its name, ``_`` and the tier's.
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


@dataclass(frozen=True)
class Track:
    """One track of the benchmark.

    Attributes:
        name: What ``--track`` calls it.
        methods: Its methods.
        profiles: What it runs unless told otherwise, by name.
        subjects: Says which models are run in which settings.
        evaluator: Makes the evaluator of a cell, and keeps it for the next cell of it.
        evaluator_modules: Modules that compute its outcomes; the key of a cell covers all that they import.
        columns: Columns of its tables.
        scoring: How its scores are read.
        thresholds: Columns that ``--fail-under`` takes.
        options: Options of the command line that it alone has.
    """

    name: str
    methods: Methods
    profiles: Mapping[str, Profile]
    subjects: Callable[[Profile, Request], list[Subject]]
    evaluator: Callable[[Cell], Evaluator[Any]]
    evaluator_modules: tuple[str, ...]
    columns: tuple[Column, ...]
    scoring: Scoring
    thresholds: tuple[str, ...]
    options: frozenset[str] = frozenset()

    def is_control(self, method: str) -> bool:
        """Tell whether a method is something to compare contestants with, and not ranked: the oracle among them.

        Args:
            method: As a cell names it; a user's own method is a contestant.
        """
        return method == ORACLE or any(one.control for one in self.methods.registered() if one.name == method)

    @property
    def lower_is_better(self) -> tuple[str, ...]:
        """The columns in which less is better."""
        return lower_is_better(self.columns)
