"""The contract of a featurization method, checked on small mock tasks: `groundtruth check --track variables`."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from groundtruth.evaluation.method_contract import Promise, describe_raised, judge_promise, mock_models, weights_of
from groundtruth.evaluation.variables.featurization_tasks import Sizes, featurization_task
from mib.errors import MethodError, MibError, shorten
from mib.featurization import FeaturizationTask, Featurizer, FeaturizerMethod, as_featurizer, measure_featurizer
from mib.featurization.registry import Method

_SOUGHT = (("hist", "residual.0.mid"), ("hist", "residual.0.post"), ("is_b", "residual.0.post"))
"""The variable and the site of each mock model; the first is held as a number, 1/(1 + hist)."""

SIZES = Sizes(32, 8, 16)


@dataclass
class _Run:
    """One run of a method on a mock task."""

    name: str
    task: FeaturizationTask
    before: dict[str, Tensor]
    result: object = None
    error: str = ""
    seconds: float = 0.0


def check_featurizer_method(method: Method | FeaturizerMethod) -> list[Promise]:
    """Run a method on mock tasks and see whether it keeps its contract.

    Args:
        method: A function of a task, or a registered method.

    Raises:
        MethodError: If it has not the signature of a method.
    """
    known = as_featurizer(method)
    tasks = _mock_tasks()
    usable = {name: task for name, task in tasks.items() if not _refusal(known, task)}
    if not usable:
        raise MethodError(_refusal(known, next(iter(tasks.values()))))
    runs = [_run(known, task, name) for name, task in usable.items()]
    again = [_run(known, task, name) for name, task in usable.items()]
    clauses: list[tuple[str, Callable[[_Run, _Run], str]]] = [
        ("runs", lambda run, other: run.error or other.error),
        ("returns a mib.Featurizer", lambda run, _: _wrong_kind(run)),
        ("keeps its law: an interchange swaps features and nothing else", lambda run, _: _unlawful(run)),
        ("the same seed gives the same featurizer", _differing),
        ("leaves the weights as they were", lambda run, _: _mutated(run)),
        ("leaves the inputs as they were", lambda run, other: _changed_inputs(run, other, usable[run.name])),
    ]
    if any(run.error for run in (*runs, *again)):
        clauses = clauses[:1]  # of a method that fails nothing else can be said
    elif any(_wrong_kind(run) for run in (*runs, *again)):
        clauses = clauses[:2]
    return [judge_promise(what, broken, runs, again) for what, broken in clauses]


@cache
def _mock_tasks() -> dict[str, FeaturizationTask]:
    """A variable held as a number, one held one-hot beside another, and one in a model of numbers."""
    found: dict[str, FeaturizationTask] = {}
    for model, (variable, site) in zip(mock_models(), _SOUGHT, strict=True):
        wanted = f"1/(1+{variable})" if site.endswith("mid") else variable
        found[model.name] = featurization_task(model, wanted, site, sizes=SIZES)
    return found


def _refusal(method: FeaturizerMethod, task: FeaturizationTask) -> str:
    try:
        method.check(task)
    except MethodError as error:
        return str(error)
    return ""


def _run(method: FeaturizerMethod, task: FeaturizationTask, name: str) -> _Run:
    """The method itself, without the wrapper that would stop at the first broken clause."""
    own = replace(task, model=copy.deepcopy(task.model), base=task.base.clone(), source=task.source.clone())
    run = _Run(name, own, {key: value.clone() for key, value in weights_of(own.model).items()})
    start = time.perf_counter()
    try:
        run.result = method.function(own.learnable)
    except MibError as error:
        run.error = str(error)
    except Exception as error:
        run.error = describe_raised(error)
    run.seconds = time.perf_counter() - start
    return run


def _wrong_kind(run: _Run) -> str:
    if isinstance(run.result, Featurizer):
        return ""
    return (
        f"returned a {type(run.result).__name__}; expected a mib.Featurizer, such as "
        f"mib.Featurizer.subspace(rotation) with orthonormal columns, [{run.task.width}, rank]."
    )


def _vectors(run: _Run) -> tuple[Tensor, Tensor]:
    base, source = run.task.activations()
    return base.flatten(0, 1), source.flatten(0, 1)


def _unlawful(run: _Run) -> str:
    if not isinstance(run.result, Featurizer):
        return ""
    try:
        check = measure_featurizer(run.result, *_vectors(run))
    except MibError as error:
        return str(error)
    return "" if check.ok else f"{'; '.join(check.problems)}. At most {check.tolerance:.0e} is allowed."


def _differing(run: _Run, again: _Run) -> str:
    if not isinstance(run.result, Featurizer) or not isinstance(again.result, Featurizer):
        return ""
    first, second = (found.interchange(*_vectors(run)) for found in (run.result, again.result))
    if torch.equal(torch.nan_to_num(first), torch.nan_to_num(second)):
        return ""
    return "two runs on equal tasks gave other interchanges. Draw random numbers from task.generator()."


def _mutated(run: _Run) -> str:
    now = weights_of(run.task.model)
    changed = [key for key in run.before if key not in now or not torch.equal(run.before[key], now[key])]
    return f"{shorten(changed)} changed; expected the same weights. Work on a copy." if changed else ""


def _changed_inputs(run: _Run, again: _Run, task: FeaturizationTask) -> str:
    pairs = [(item.task.base, task.base) for item in (run, again)]
    pairs += [(item.task.source, task.source) for item in (run, again)]
    same = all(torch.equal(now, before) for now, before in pairs)
    return "" if same else "task.base or task.source changed; expected the same token ids. Clone before you write."
