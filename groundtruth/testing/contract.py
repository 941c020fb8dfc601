"""The contract of a method, checked on mock tasks: what ``groundtruth check`` runs.

A method must return an answer of the right form, and have the properties that are a contract (``Property.contract``).
"""

import copy
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundtruth.guarded_run import guard_process
from groundtruth.testing import clauses
from groundtruth.testing.clauses import Clause, MockRun, Track
from groundtruth.testing.mock_tasks import mock_featurization_tasks, mock_localization_tasks
from groundtruth.testing.properties import properties_of
from groundtruth.testing.snapshot import Snapshot
from mib.errors import MethodError, MibError
from mib.featurization import FeaturizationTask, FeaturizerMethod, as_featurizer
from mib.featurization.registry import Method as FeaturizerFunction
from mib.levels import Level
from mib.localization import as_localizer
from mib.localization.registry import Method as LocalizerFunction


@dataclass(frozen=True)
class Promise:
    """One clause of the contract, held to a method.

    Attributes:
        what: The promise.
        ok: True if it was kept on every mock task.
        detail: The first breach: what happened, and what was expected.
    """

    what: str
    ok: bool
    detail: str = ""


def hold_to_contract(method: Any, track: str, level: Level) -> list[Promise]:
    """Hold a method to the contract of its track.

    Args:
        method: A registered method of the track.
        track: Name of the track whose contract it is.
        level: The kind of thing that a localization method scores.

    Raises:
        MethodError: If it can run on no mock task.
    """
    return check_method(method, level=level) if track == "circuits" else check_featurizer_method(method)


def check_method(method: LocalizerFunction, *, level: Level = "edge", n_pairs: int = 24) -> list[Promise]:
    """Run a localization method on mock tasks and see whether it keeps its contract.

    Args:
        method: A function of a task, or a registered method.
        level: The kind of thing that it scores.
        n_pairs: Number of examples that a mock task has.

    Raises:
        MethodError: If it has not the signature of a method, or cannot score the level.
    """
    localizer = as_localizer(method, levels=(level,))
    tasks = mock_localization_tasks(level, n_pairs)
    for task in tasks.values():
        localizer.check(task)
    answer = (clauses.returns_scores(level), clauses.scores_everything(level))
    pairs = [_run_twice(localizer.function, task, name, ("clean", "counterfactual")) for name, task in tasks.items()]
    return _judge(pairs, answer, "circuits", result="scores")


def check_featurizer_method(method: FeaturizerFunction | FeaturizerMethod) -> list[Promise]:
    """Run a featurization method on mock tasks and see whether it keeps its contract.

    Args:
        method: A function of a task, or a registered method.

    Raises:
        MethodError: If it has not the signature of a method.
    """
    known = as_featurizer(method)
    tasks = mock_featurization_tasks()
    refusals = {name: _refusal(known, task) for name, task in tasks.items()}
    usable = {name: task for name, task in tasks.items() if not refusals[name]}
    if not usable:
        raise MethodError(next(iter(refusals.values())))

    def run(task: FeaturizationTask) -> Any:
        return known.function(task.learnable)

    answer = (clauses.RETURNS_FEATURIZER, clauses.LAWFUL)
    pairs = [_run_twice(run, task, name, ("base", "source")) for name, task in usable.items()]
    return [_explain_numbers(promise, pairs) for promise in _judge(pairs, answer, "variables", result="featurizer")]


def contract_clauses(track: Track) -> list[Clause]:
    """List the clauses of the properties that are a contract."""
    every = (clause for item in properties_of(track).values() for clause in item.contract)
    return [clause for clause in every if clause.only in (None, track)]


def _refusal(method: FeaturizerMethod, task: FeaturizationTask) -> str:
    try:
        method.check(task)
    except MethodError as error:
        return str(error)
    return ""


def _run_twice(
    function: Callable[[Any], Any], task: Any, name: str, inputs: tuple[str, str]
) -> tuple[MockRun, MockRun]:
    # One guard around both: global generators that are put back in between would give an unseeded method the same
    # numbers twice.
    with guard_process():
        return _run(function, task, name, inputs), _run(function, task, name, inputs)


def _run(function: Callable[[Any], Any], task: Any, name: str, inputs: tuple[str, str]) -> MockRun:
    """Run the function itself, without the wrapper that would stop at the first broken clause."""
    copies = {field: getattr(task, field).clone() for field in inputs}
    before = Snapshot.of(replace(task, model=copy.deepcopy(task.model), **copies), inputs)
    try:
        return MockRun(name, before, function(before.task))
    except MibError as error:
        return MockRun(name, before, None, str(error))
    except (Exception, SystemExit) as error:
        return MockRun(name, before, None, _describe_raised(error))


def _explain_numbers(promise: Promise, pairs: Sequence[tuple[MockRun, MockRun]]) -> Promise:
    """Add to a breach on numbers alone how a method says that it is for categories alone."""
    failed = [run.task.expected.is_floating_point() for run, again in pairs if run.error or again.error]
    if promise.ok or not failed or not all(failed):
        return promise
    return replace(
        promise,
        detail=f"{promise.detail}. This mock's outputs are numbers (task.expected holds floats); on categories the "
        "method runs. If it is for these alone, declare it: @mib.featurization.featurizer(..., needs=('categories',)).",
    )


def _describe_raised(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"raised {type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"


def _judge(
    pairs: Sequence[tuple[MockRun, MockRun]], answer: tuple[Clause, Clause], track: Track, *, result: str
) -> list[Promise]:
    """Hold pairs of equal runs to the form of the answer first, then to the properties that are a contract."""
    first = [_hold(clause, pairs, result) for clause in (clauses.RUNS, *answer)]
    # Nothing more can be said of a method that fails, nor of one that returns another kind of thing.
    for count, promise in enumerate(first[:2], start=1):
        if not promise.ok:
            return first[:count]
    return [*first, *(_hold(clause, pairs, result) for clause in contract_clauses(track))]


def _hold(clause: Clause, pairs: Sequence[tuple[MockRun, MockRun]], result: str) -> Promise:
    details = [f"on {run.name}: {told}" for run, again in pairs if (told := clause.breach(run, again))]
    return Promise(clause.promise.format(result=result), not details, details[0] if details else "")
