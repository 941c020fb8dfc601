"""A method on a compiled model, run as often as a property needs, each time on a fresh task."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import torch

from groundtruth.model import CompiledModel
from groundtruth.testing.failure import MethodFailure, command, method_spec, model_spec, program_text
from mib.featurization import FeaturizationTask
from mib.localization.task import LocalizationTask

Task = TypeVar("Task", LocalizationTask, FeaturizationTask)
Result = TypeVar("Result")

PlainRuns = dict[tuple[Any, ...], tuple[Any, Any]]
"""Results and their numbers, by the method, the model and the settings of a run."""


@dataclass(frozen=True, eq=False)
class Trial(ABC, Generic[Task, Result]):
    """A method of one of the two tracks on a compiled model.

    Attributes:
        method: The method.
        model: The model.
        seed: Seed of the examples, and of the method.
        dtype: Precision of the model that the method sees.
        parameters: Hyper-parameters of the method.
        plain: Results of plain runs, by what was run, that several properties share; ``None`` to run for this one.
    """

    INPUTS: ClassVar[tuple[str, str]]
    """The two tensors of token ids that a task has."""

    method: Any
    model: CompiledModel
    seed: int = field(default=0, kw_only=True)
    dtype: torch.dtype = field(default=torch.float64, kw_only=True)
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=True)
    plain: "PlainRuns | None" = field(default=None, kw_only=True, repr=False)

    @cached_property
    @abstractmethod
    def task(self) -> Task:
        """The task that the method gets copies of; never handed out itself."""

    @abstractmethod
    def shuffle(self, task: Task, seed: int) -> Task:
        """Return the task with its examples in another order."""

    @abstractmethod
    def require_same(
        self, after: Result, what: str, *lines: tuple[str, str], check: str, tolerance: float | None = None
    ) -> None:
        """Hold another result to that of the plain run.

        Args:
            after: The other result.
            what: The fault if they differ, after the method's name.
            lines: Labels and texts that stand below the difference.
            check: The property, as ``groundtruth repro --property`` calls it.
            tolerance: Difference that is allowed; 0 for not a bit, ``None`` for what rounding does.

        Raises:
            MethodFailure: Saying where they differ most.
        """

    @abstractmethod
    def command_options(self) -> tuple[list[str], list[str]]:
        """List the options that repeat the trial: those before the property, and those after it."""

    def place_lines(self) -> list[tuple[str, str]]:
        """List labels and texts that say where in the model the method was at work."""
        return []

    def fresh(self) -> Task:
        """Copy the task; the copy shares nothing with it that a method could change."""
        inputs = {name: getattr(self.task, name).clone() for name in self.INPUTS}
        return replace(self.task, model=copy.deepcopy(self.task.model), **inputs)

    def run(self, task: Task | None = None) -> Result:
        """Run the method on a fresh task, or on another one."""
        return self.method(self.fresh() if task is None else task, **self.parameters)

    @cached_property
    def result(self) -> Result:
        """The result of the method on the task as it is."""
        return self.run() if self.plain is None else self._shared_run(self.plain)[0]

    @abstractmethod
    def numbers_of(self, result: Result) -> Any:
        """Return the numbers by which results are compared, in memory of their own."""

    @cached_property
    def numbers(self) -> Any:
        """Numbers of the plain run."""
        return self.numbers_of(self.result) if self.plain is None else self._shared_run(self.plain)[1]

    def _shared_run(self, runs: PlainRuns) -> tuple[Result, Any]:
        """Find the result, and its numbers as they were then: no later run of the method can write over them."""
        settings = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "plain"}
        method = settings.pop("method")
        key = (method.function, method.name, repr(settings.pop("parameters")), *settings.items())
        if key not in runs:
            result = self.run()
            runs[key] = (result, self.numbers_of(result))
        return runs[key]

    def record(self) -> None:
        """Run the method on the task as it is now, before another run could write over what it returned."""
        _ = self.numbers

    def failure(self, what: str, *lines: tuple[str, str], check: str) -> MethodFailure:
        """Make what is raised if a property does not hold.

        Args:
            what: The fault, after the method's name.
            lines: Labels and texts that say where.
            check: The property, as ``groundtruth repro --property`` calls it.
        """
        kind = "a generated program" if self.model.family == "generated" else f"'{self.model.name}'"
        name, *rest = check.split(" ", 1)
        before, after = self.command_options()
        options = [f"--method {method_spec(self.method.function, self.method.name)}", *before]
        options += [f"--property {name}", *rest, *after, *([f"--seed {self.seed}"] if self.seed else [])]
        repeat = command(f"groundtruth repro {model_spec(self.model)}", *options)
        told = [("program", program_text(self.model)), *self.place_lines(), *lines, ("repeat", repeat)]
        return MethodFailure(f"{self.method.name} {what} on {kind}", told)
