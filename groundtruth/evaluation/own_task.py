"""Keep what one method does to its task from the methods after it."""

import contextlib
import copy
from collections.abc import Generator
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from mib.errors import MethodError
from mib.featurization.task import FeaturizationTask
from mib.localization.task import LocalizationTask

Task = TypeVar("Task", LocalizationTask, FeaturizationTask)

_WITH_TENSORS = ("metric", "readout")
"""Fields that hold tensors of their own."""


def own_copy(task: Task, *, with_model: bool = True) -> Task:
    """Copy a task: its tensors, its metric and its model, with an engine and a count of passes of its own.

    Args:
        task: Task that every method is given.
        with_model: True if the model is copied too. A large one would not fit beside itself.
    """
    # The graph and the numbers cannot be written to, so that they need no copy.
    copied = {
        field.name: copy.deepcopy(getattr(task, field.name))
        for field in fields(task)
        if isinstance(getattr(task, field.name), Tensor)
        or field.name in _WITH_TENSORS
        or (field.name == "model" and with_model)
    }
    changes: dict[str, Any] = copied
    return replace(task, **changes)


@contextlib.contextmanager
def require_unchanged(task: FeaturizationTask) -> Generator[None]:
    """Refuse that a method writes into a task that others are given too, and put the task back as it was.

    A task of a language model keeps runs of the model up to the site; a copy for each method would run these anew.

    Raises:
        MethodError: If a tensor of the task, or of what methods may learn from, has changed.
    """
    shared = (task, task.learnable)
    before = [{name: value.clone() for name, value in _tensors(one).items()} for one in shared]
    changed: list[str] = []
    try:
        yield
    # Also after an error, for the next method is given the same task.
    finally:
        for one, kept in zip(shared, before, strict=True):
            for name, value in _tensors(one).items():
                # NaN is not itself: where a task has some, it would look changed.
                if not torch.equal(torch.nan_to_num(value), torch.nan_to_num(kept[name])):
                    value.copy_(kept[name])
                    changed.append(f"task.{name}")
    if changed:
        raise MethodError(
            f"the method changed {', '.join(dict.fromkeys(changed))}, which other methods are given too. Clone tensors "
            "of a task before you write to them."
        )


def _tensors(task: FeaturizationTask) -> dict[str, Tensor]:
    found = {field.name: getattr(task, field.name) for field in fields(task)}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}
