"""What must not change scores: running again, the size of batches, the order of examples, the scale of the metric."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groundtruth.model import CompiledModel
from groundtruth.testing.localizer_trial import TOLERANCE, Trial, largest_change, require_same
from mib.engine import Metric
from mib.errors import shorten
from mib.localization.registry import Method
from mib.models.fingerprints import hooks_on

SMALL_MEMORY = 1
"""Bytes that leave room for one example at a time."""


def assert_deterministic(method: str | Method, model: CompiledModel | str, **how: Any) -> None:
    """Two runs on equal tasks give the same scores, to the bit, whatever the global generators were left at.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most.
    """
    trial = Trial.of(method, model, **how)
    first = trial.scores
    torch.manual_seed(torch.initial_seed() ^ 1)
    np.random.seed(1)
    again = trial.run()
    if not np.array_equal(first.flat, again.flat):
        change, edge = largest_change(first, again.flat)
        text = f"{edge}   score {first[edge]!r}, then {again[edge]!r} (a change of {change:.2g} of the largest score)"
        hint = "draw random numbers from task.generator()"
        raise trial.failure(
            "gives other scores when it is run again", [("edge", text), ("hint", hint)], check="deterministic"
        )


def assert_batch_size_free(
    method: str | Method, model: CompiledModel | str, *, tolerance: float = TOLERANCE, **how: Any
) -> None:
    """Scores are the same when memory allows one example at a time.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        tolerance: A share of the largest score.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most.
    """
    trial = Trial.of(method, model, **how)
    small = trial.run(replace(trial.fresh(), memory=SMALL_MEMORY))
    what = "depends on the size of batches"
    require_same(trial, small.flat, what, check="batch_size_free", tolerance=tolerance)


def assert_example_order_free(
    method: str | Method, model: CompiledModel | str, *, tolerance: float = TOLERANCE, **how: Any
) -> None:
    """Scores are the same when the examples come in another order.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        tolerance: A share of the largest score.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most.
    """
    trial = Trial.of(method, model, **how)
    task = trial.fresh()
    order = torch.randperm(len(task), generator=torch.Generator().manual_seed(trial.seed + 1))
    other = replace(
        task, clean=task.clean[order], counterfactual=task.counterfactual[order], metric=_Reordered(task.metric, order)
    )
    what = "depends on the order of the examples"
    require_same(trial, trial.run(other).flat, what, check="example_order_free", tolerance=tolerance)


def assert_scale_equivariant(
    method: str | Method, model: CompiledModel | str, *, factor: float = 4.0, tolerance: float = TOLERANCE, **how: Any
) -> None:
    """When the metric is so many times as large, scores are that many times as large, or as they were.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        factor: What the metric is multiplied by; a power of two loses no digit.
        tolerance: A share of the largest score.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most after both are brought to one scale.
    """
    trial = Trial.of(method, model, **how)
    task = trial.fresh()
    scaled = trial.run(replace(task, metric=_Scaled(task.metric, factor))).flat
    candidates = [scaled / factor, scaled]
    best = min(candidates, key=lambda values: largest_change(trial.scores, values)[0])
    what = "ranks otherwise when the metric is scaled"
    require_same(trial, best, what, check="scale_equivariant", tolerance=tolerance)


def assert_no_mutation(method: str | Method, model: CompiledModel | str, **how: Any) -> None:
    """A method leaves weights, inputs, hooks, gradients' switch and the default dtype as they were.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming what was changed.
    """
    trial = Trial.of(method, model, **how)
    task = trial.fresh()
    settings: list[Callable[[], Any]] = [torch.is_grad_enabled, torch.get_default_dtype, torch.get_num_threads]
    before = [setting() for setting in settings]
    trial.run(task)
    changed = [setting.__name__ for setting, was in zip(settings, before, strict=True) if setting() != was]
    for name in ("clean", "counterfactual"):
        if not torch.equal(getattr(task, name), getattr(trial.task, name)):
            changed.append(f"task.{name}")
    assert isinstance(task.model, torch.nn.Module) and isinstance(trial.task.model, torch.nn.Module)  # noqa: S101
    own = trial.task.model.state_dict()
    changed += [name for name, value in task.model.state_dict().items() if not torch.equal(value, own[name])]
    if changed:
        raise trial.failure("changes what it was given", [("changed", shorten(changed))], check="no_mutation")
    if left := list(hooks_on(task.model)):
        raise trial.failure("leaves hooks behind", [("hooks", shorten(left))], check="no_mutation")


@dataclass(frozen=True, eq=False)
class _Reordered:
    """A metric that is told the examples' numbers in another order."""

    metric: Metric
    order: Tensor

    def __call__(self, logits: Tensor, examples: Tensor) -> Tensor:
        return self.metric(logits, self.order.to(examples.device)[examples])


@dataclass(frozen=True, eq=False)
class _Scaled:
    metric: Metric
    factor: float

    def __call__(self, logits: Tensor, examples: Tensor) -> Tensor:
        return self.factor * self.metric(logits, examples)
