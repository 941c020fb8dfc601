"""A featurization method that looks for a variable at a site, run as often as a property needs, on fresh tasks."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from groundtruth.compiled.domain import BOS, PAD
from groundtruth.evaluation.variables import Sizes
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import featurization_task_of, model_of
from groundtruth.testing.failure import DoesNotApply, MethodFailure, command, method_spec, model_spec, program_text
from mib.errors import MethodError
from mib.featurization import FeaturizationTask, Featurizer, FeaturizerMethod, as_featurizer, get
from mib.featurization.registry import Method
from mib.metrics.interchange_scores import distinguishing
from mib.site import Site

SIZES = Sizes(train=96, validation=32, test=128)
"""Pairs; of the test pairs about two thirds are such that a no-op gets them wrong."""

N_VECTORS = 16


@dataclass(frozen=True, eq=False)
class Search:
    """A featurization method that looks for a variable at a site of a model.

    Attributes:
        method: The method.
        model: The model.
        variable: Name or label of the variable.
        site: Where it is sought, such as ``resid_pre3``.
        seed: Of the pairs, and of the method.
        sizes: How many pairs.
        dtype: Of the model that the method sees.
        parameters: Of the method.
        labels: ``arbitrary`` for a hypothesis that is false of the model; see ``featurization_task``.
    """

    method: FeaturizerMethod
    model: CompiledModel
    variable: str
    site: str
    seed: int = 0
    sizes: Sizes = SIZES
    dtype: torch.dtype = torch.float64
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    labels: Literal["true", "arbitrary"] = "true"

    @classmethod
    def of(cls, method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any) -> "Search":
        """A search with a method, or a registered one's name, on a model, or whatever names one."""
        known = get(method) if isinstance(method, str) else as_featurizer(method)
        return cls(known, model_of(model), variable, site, **how)

    @property
    def place(self) -> Site:
        """The site as a task has it."""
        return task_site(self.site)

    @cached_property
    def task(self) -> FeaturizationTask:
        """What the method is asked; never handed out itself."""
        return featurization_task_of(
            self.model,
            self.variable,
            str(self.place),
            labels=self.labels,
            sizes=self.sizes,
            seed=self.seed,
            dtype=self.dtype,
        )

    def fresh(self) -> FeaturizationTask:
        """A copy of the task that shares nothing with it that a method could change."""
        task = self.task
        return replace(task, model=copy.deepcopy(task.model), base=task.base.clone(), source=task.source.clone())

    def run(self, task: FeaturizationTask | None = None) -> Featurizer:
        """What the method finds on a fresh task, or on another one."""
        return self.method(self.fresh() if task is None else task, **self.parameters)

    @cached_property
    def found(self) -> Featurizer:
        """What the method finds on the task as it is."""
        return self.run()

    @torch.no_grad()
    def swapped(self, found: Featurizer) -> Tensor:
        """What an interchange with a featurizer makes of some vectors [vector, d_site]."""
        return found.interchange(*self.vectors)

    @cached_property
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Normal random vectors, to be base and source [vector, d_site]."""
        generator = torch.Generator().manual_seed(0)
        base, source = torch.randn((2, N_VECTORS, self.task.width), generator=generator, dtype=self.dtype)
        return base, source

    @cached_property
    def judged(self) -> Tensor:
        """The test pairs that a no-op gets wrong, by number [pair]."""
        test = self.task.split.test
        return test[distinguishing(self.task, examples=test)]

    def accuracy_of(self, found: Featurizer) -> float:
        """Interchange accuracy of a featurizer on the test pairs that a no-op gets wrong."""
        return float(self.task.right(found, examples=self.judged).double().mean())

    @cached_property
    def accuracy(self) -> float:
        """That of what the method finds."""
        return self.accuracy_of(self.found)

    def on(self, model: CompiledModel, site: Site | None = None) -> "Search":
        """The same search in another model."""
        return replace(self, model=model, site=self.site if site is None else str(site))

    def wrong_pair(self) -> str:
        """The shortest pair whose interchange does not give what the causal model gives, in one line."""
        wrong = self.judged[~self.task.right(self.found, examples=self.judged)]
        sizes = [len(self._tokens(self.task.base[i])) + len(self._tokens(self.task.source[i])) for i in wrong.tolist()]
        row = wrong[sizes.index(min(sizes))].reshape(1)
        counts = self.task.mask[row[0]]
        codes = self.model.decoder.codes(self.task.interchange(self.found, examples=row))[0]
        given = _spelt(self.model.decoder.decode(codes[counts]))
        expected = _spelt(self._answers(self.task.expected[row[0]][counts]))
        base, source = (_spelt(self._tokens(ids[row[0]])) for ids in (self.task.base, self.task.source))
        return f"{base}   swapped in from {source}{self._where(row)}   output {given}, expected {expected}"

    def failure(self, what: str, *lines: tuple[str, str], check: str) -> MethodFailure:
        """What is raised if something does not hold.

        Args:
            what: What went wrong, after the method's name.
            lines: Labels and texts that say where.
            check: The property, as ``groundtruth repro --property`` calls it.
        """
        kind = "a generated program" if self.model.family == "generated" else f"'{self.model.name}'"
        spec = method_spec(self.method.function, self.method.name)
        name, *rest = check.split(" ", 1)
        place = (f"--variable {_quoted(self.variable)}", f"--site {self.site}")
        asked = [
            f"--method {spec}",
            *place,
            f"--property {name}",
            *rest,
            *([f"--seed {self.seed}"] if self.seed else []),
        ]
        repeat = command(f"groundtruth repro {model_spec(self.model)}", *asked)
        told = [("program", program_text(self.model)), ("variable", f"{self.variable} at {self.site}"), *lines]
        return MethodFailure(f"{self.method.name} {what} on {kind}", [*told, ("repeat", repeat)])

    def _where(self, row: Tensor) -> str:
        """At which position of base and source, if it is one; nothing if it is at all of them."""
        if self.task.base_positions is None or self.task.source_positions is None:
            return ""
        base, source = (at[row[0]] - 1 for at in (self.task.base_positions, self.task.source_positions))
        if len(base) != 1:
            return ""
        return f" at position {int(base)}" + (f" (there {int(source)})" if int(base) != int(source) else "")

    def _tokens(self, ids: Tensor) -> list[Any]:
        names = {number: token for token, number in self.model.token_ids.items() if token not in (BOS, PAD)}
        return [names[number] for number in ids.tolist() if number in names]

    def _answers(self, expected: Tensor) -> list[Any]:
        values = self.model.decoder.values
        if not values:
            return [round(float(number), 4) for number in expected]
        return [values[int(code)] if int(code) < len(values) else None for code in expected]


def require_applicable(search: Search) -> None:
    """See that a method can look for a variable at all.

    Raises:
        DoesNotApply: If the task has not what the method needs, such as isolation pairs.
    """
    try:
        search.method.check(search.task, **search.parameters)
    except MethodError as error:
        raise DoesNotApply(str(error)) from error


def _spelt(values: list[Any]) -> str:
    return " ".join(
        "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values
    )


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"'{name}'"
