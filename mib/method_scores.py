"""Score one method on one task by MIB's metrics: what can be said where no truth is known.

>>> print(mib.score("eap", task, held_out=other_pairs))
>>> mib.score(my_method, task).cmd
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any, overload

from mib import featurization, localization
from mib.errors import ScoreError, TaskError
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import FeaturizerMethod, as_featurizer
from mib.featurization.task import FeaturizationTask
from mib.levels import Scores
from mib.localization.registry import Localizer, as_localizer
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import MAX_SIZES
from mib.metrics.faithfulness import Areas, MibAreas, areas, mib_areas
from mib.metrics.interchange_scores import InterchangeScores, interchange_scores, mean_squared_error

Columns = Mapping[str, float | None]
"""Values by the names that ``groundtruth score`` has for them."""


class _Row(ABC):
    """A method and its columns, as a line and as a table of one row."""

    method: str

    @property
    @abstractmethod
    def columns(self) -> Columns:
        """Columns that the table of ``groundtruth score`` has on a model without a truth."""

    def __str__(self) -> str:
        """One line: the method and its columns."""
        return f"{self.method}: {', '.join(f'{name} {_spell(value)}' for name, value in self.columns.items())}"

    def _repr_html_(self) -> str:
        """Table of one row, for notebooks."""
        headings = "".join(f"<th>{name}</th>" for name in ("method", *self.columns))
        cells = "".join(f"<td>{_spell(value)}</td>" for value in self.columns.values())
        return f"<table><tr>{headings}</tr><tr><td>{escape(self.method)}</td>{cells}</tr></table>"


def _spell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


@dataclass(frozen=True, eq=False)
class LocalizationScore(_Row):
    """One localization method on one task.

    Attributes:
        method: Its name.
        scores: Score that it gave each edge, node or neuron.
        every_size: Normalised CPR and CMD over every circuit size, with intervals and curves.
        ten_sizes: CPR and CMD at MIB's ten sizes.
        forward: Forward passes over the examples that the method took.
        backward: Backward passes.
        seconds: Wall time of the method, without its scoring.
    """

    method: str
    scores: Scores
    every_size: Areas
    ten_sizes: MibAreas
    forward: float
    backward: float
    seconds: float

    @property
    def cpr(self) -> float:
        """CPR over every circuit size; higher is better, without an upper limit."""
        return self.every_size.cpr.value

    @property
    def cmd(self) -> float:
        """CMD over every circuit size; 0 is best."""
        return self.every_size.cmd.value

    @property
    def columns(self) -> Columns:
        """Both areas, both of MIB's, passes over the examples and seconds."""
        return {
            "cpr": self.cpr,
            "cmd": self.cmd,
            "mib_cpr": self.ten_sizes.cpr,
            "mib_cmd": self.ten_sizes.cmd,
            "passes": self.forward + self.backward,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class FeaturizationScore(_Row):
    """One featurization method on one task.

    Attributes:
        method: Its name.
        featurizer: Featurizer that it found.
        interchanges: Share of interchanges on the test split that give what is expected; ``None`` where numbers are.
        error: Mean squared distance of the numbers read from those expected, as MIB has it for IOI; ``None`` where
            outputs are expected.
        seconds: Wall time of the method, without its scoring.
    """

    method: str
    featurizer: Featurizer
    interchanges: InterchangeScores | None
    error: float | None
    seconds: float

    @property
    def columns(self) -> Columns:
        """Accuracies on the test pairs, or the error of numbers; the rank and seconds."""
        found = self.interchanges
        if found is None:
            return {"error": self.error, "rank": float(self.featurizer.rank), "seconds": self.seconds}
        shown = {
            "accuracy": found.distinguishing,
            "isolation": found.isolation,
            "disentangle": found.disentangle,
        }
        return {
            **{name: estimate.value if estimate.n else None for name, estimate in shown.items()},
            "rank": float(self.featurizer.rank),
            "seconds": self.seconds,
        }


@overload
def score(
    method: str | Callable[..., Any],
    task: LocalizationTask,
    *,
    held_out: LocalizationTask | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_sizes: int | None = MAX_SIZES,
    n_bootstrap: int = 1000,
) -> LocalizationScore: ...
@overload
def score(
    method: str | Callable[..., Any], task: FeaturizationTask, *, parameters: Mapping[str, Any] | None = None
) -> FeaturizationScore: ...
def score(
    method: str | Callable[..., Any],
    task: LocalizationTask | FeaturizationTask,
    *,
    held_out: LocalizationTask | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_sizes: int | None = MAX_SIZES,
    n_bootstrap: int = 1000,
) -> LocalizationScore | FeaturizationScore:
    """Run a method on a task and measure what it found, as ``groundtruth score`` does on a model without a truth.

    Args:
        method: A registered method's name, or a function of a task.
        task: Task that the method is given. A featurizer learns from the training split and is scored on the test
            split.
        held_out: Examples that circuits are measured on; by default the examples that the method saw itself.
        parameters: Hyper-parameters of the method.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most; ``None`` for all.
        n_bootstrap: Number of times that examples are drawn anew for the intervals of CPR and CMD.

    Raises:
        MethodError: If there is no such method, or it cannot run on the task, or what it returns is no answer.
        ScoreError: If a score is missing or not finite, or an option is out of range.
        TaskError: If the two tasks are not of one graph, or full and empty circuit do not differ.
    """
    given = dict(parameters or {})
    if isinstance(task, LocalizationTask):
        known = localization.get(method) if isinstance(method, str) else as_localizer(method, levels=(task.level,))
        return _circuit_score(known, task, task if held_out is None else held_out, given, max_sizes, n_bootstrap)
    if held_out is not None:
        raise TaskError("held_out is given, but a featurizer is scored on the test split of its task. Leave it out.")
    return _variable_score(featurization.get(method) if isinstance(method, str) else as_featurizer(method), task, given)


def _circuit_score(
    method: Localizer,
    task: LocalizationTask,
    held_out: LocalizationTask,
    parameters: dict[str, Any],
    max_sizes: int | None,
    n_bootstrap: int,
) -> LocalizationScore:
    if held_out.graph != task.graph:
        raise TaskError(f"held_out is of {held_out.graph}, task of {task.graph}: give two tasks of one model.")
    asked = replace(task)  # with an engine of its own: what others kept and counted is not this method's
    start = time.perf_counter()
    scores = method(asked, **parameters)
    seconds = time.perf_counter() - start
    cost = asked.engine.cost
    return LocalizationScore(
        method=method.name,
        scores=scores,
        every_size=areas(held_out, scores, max_sizes=max_sizes, n_bootstrap=n_bootstrap),
        ten_sizes=mib_areas(held_out, scores),
        forward=cost.forward / len(task),
        backward=cost.backward / len(task),
        seconds=seconds,
    )


def _variable_score(
    method: FeaturizerMethod, task: FeaturizationTask, parameters: dict[str, Any]
) -> FeaturizationScore:
    if not len(task.split.test):
        raise ScoreError("the test split of the task is empty: there is no pair that a featurizer could be scored on.")
    start = time.perf_counter()
    found = method(task, **parameters)
    seconds = time.perf_counter() - start
    if task.answers.categorical:
        return FeaturizationScore(method.name, found, interchange_scores(task, found), None, seconds)
    return FeaturizationScore(method.name, found, None, mean_squared_error(task, found), seconds)
