"""The contract of a localization method, checked on small mock tasks: what `groundtruth check` runs."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.method_contract import Promise, describe_raised, judge_promise, mock_models, weights_of
from mib.errors import MibError, shorten
from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.localization import Localizer, as_localizer
from mib.localization.registry import RESULT, Method
from mib.localization.task import Level, LocalizationTask
from mib.models.fingerprints import hooks_on


@dataclass
class _Run:
    """One run of the method on a mock task."""

    task: LocalizationTask
    name: str
    result: Any = None
    error: str = ""
    before: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    inputs: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    seconds: float = 0.0


def check_method(method: Method, *, level: Level = "edge", n_pairs: int = 24) -> list[Promise]:
    """Run a method on mock tasks and see whether it keeps its contract.

    Args:
        method: A function of a task, or a registered method.
        level: What it scores.
        n_pairs: How many examples a mock task has.

    Raises:
        MethodError: If it has not the signature of a method, or cannot score the level.
    """
    localizer = as_localizer(method, levels=(level,))
    tasks = [(model.name, localization_task(model, n_pairs=n_pairs, level=level)) for model in mock_models()]
    for _, task in tasks:
        localizer.check(task)
    runs = [_run(localizer, task, name) for name, task in tasks]
    again = [_run(localizer, _fresh(run.task), run.name) for run in runs]
    clauses: list[tuple[str, Callable[[_Run, _Run], str]]] = [
        ("runs", lambda run, other: run.error or other.error),
        (f"returns {RESULT[level].__name__} of task.graph", lambda run, _: _wrong_kind(run)),
        (f"scores every {level}, by a finite number", lambda run, _: _unscored(run)),
        ("the same seed gives the same scores", _differing),
        ("leaves the weights as they were", lambda run, _: _mutated(run)),
        ("leaves no hooks behind", lambda run, _: _hooked(run)),
        ("leaves the inputs as they were", lambda run, _: _changed_inputs(run)),
    ]
    if any(run.error for run in (*runs, *again)):
        clauses = clauses[:1]  # of a method that fails nothing else can be said
    return [judge_promise(what, broken, runs, again) for what, broken in clauses]


def _run(localizer: Localizer, task: LocalizationTask, name: str) -> _Run:
    """The method itself, without the wrapper that would stop at the first broken clause."""
    before, inputs = (
        {key: value.clone() for key, value in found.items()} for found in (weights_of(task.model), _inputs(task))
    )
    run = _Run(task, name, before=before, inputs=inputs)
    start = time.perf_counter()
    try:
        run.result = localizer.function(task)
    except MibError as error:
        run.error = str(error)
    except Exception as error:
        run.error = describe_raised(error)
    run.seconds = time.perf_counter() - start
    return run


def _fresh(task: LocalizationTask) -> LocalizationTask:
    return replace(task, model=copy.deepcopy(task.model), clean=task.clean.clone())


def _wrong_kind(run: _Run) -> str:
    wanted = RESULT[run.task.level]
    if not isinstance(run.result, wanted):
        return (
            f"returned a {type(run.result).__name__}; expected mib.{wanted.__name__}(task.graph, values) with values "
            f"of shape {_shape(run.task)}."
        )
    if run.result.graph != run.task.graph:
        return f"returned scores of {run.result.graph}; expected task.graph, {run.task.graph}."
    return ""


def _unscored(run: _Run) -> str:
    if not isinstance(run.result, EdgeScores | NodeScores | NeuronScores):
        return ""
    try:
        run.result.require_complete(by="the method")
    except MibError as error:
        return str(error)
    return ""


def _differing(run: _Run, again: _Run) -> str:
    first, second = (_values(item.result) for item in (run, again))
    if first is None or second is None or first.shape != second.shape:
        return "" if (first is None) == (second is None) else "scored once and failed once."
    same = torch.equal(torch.nan_to_num(first), torch.nan_to_num(second))
    return (
        ""
        if same
        else (
            "two runs on equal tasks gave other scores; expected the same. Draw random numbers from task.generator()."
        )
    )


def _mutated(run: _Run) -> str:
    now = weights_of(run.task.model)
    changed = [key for key in run.before if key not in now or not torch.equal(run.before[key], now[key])]
    return (
        f"{shorten(changed)} changed; expected the same weights. Work on copy.deepcopy(task.model)." if changed else ""
    )


def _hooked(run: _Run) -> str:
    left = list(hooks_on(run.task.model)) if isinstance(run.task.model, torch.nn.Module) else []
    return (
        f"hooks remain at {shorten(left)}; expected none. Use model.hooks(...) as a context, or reset_hooks()."
        if left
        else ""
    )


def _changed_inputs(run: _Run) -> str:
    changed = [name for name, value in _inputs(run.task).items() if not torch.equal(value, run.inputs[name])]
    return (
        f"task.{' and task.'.join(changed)} changed; expected the same token ids. Clone them before you write to them."
        if changed
        else ""
    )


def _inputs(task: LocalizationTask) -> dict[str, torch.Tensor]:
    return {"clean": task.clean, "counterfactual": task.counterfactual}


def _values(result: Any) -> torch.Tensor | None:
    values = getattr(result, "values", None)
    return None if values is None or callable(values) else torch.as_tensor(values)


def _shape(task: LocalizationTask) -> str:
    graph = task.graph
    match task.level:
        case "edge":
            return f"[{len(graph.sources)}, {len(graph.destinations)}] (source, destination) or [{len(graph.edges)}]"
        case "node":
            return f"[{len(graph.sources)}] (source)"
        case "neuron":
            return f"[{len(graph.sources)}, {graph.d_model}] (source, d_model)"
