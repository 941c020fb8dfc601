"""A method on a model, run as often as a property needs, each time on a fresh task."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import localization_task_of, model_of
from groundtruth.testing.failure import MethodFailure, command, method_spec, model_spec, program_text
from groundtruth.truth.circuits.circuit import Circuit
from mib.graph import Edge, EdgeScores
from mib.localization import Localizer, as_localizer, get
from mib.localization.registry import Method
from mib.localization.task import LocalizationTask

TOLERANCE = 1e-5
"""Scores are the same if they differ by less than this share of the largest; tasks are in float64."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A localization method on a model.

    Attributes:
        localizer: The method.
        model: The model.
        ablation: What flows along an edge that is cut.
        lengths: Which inputs; ``None``: the model's own.
        seed: Of the examples, and of the method.
        n_pairs: How many examples, at most.
        dtype: Of the model that the method sees.
        parameters: Of the method.
    """

    localizer: Localizer
    model: CompiledModel
    ablation: str = "resample"
    lengths: str | None = None
    seed: int = 0
    n_pairs: int = 48
    dtype: torch.dtype = torch.float64
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, method: str | Method, model: CompiledModel | str, **how: Any) -> "Trial":
        """A trial of a method, or of a registered one's name, on a model, or whatever names one."""
        localizer = get(method) if isinstance(method, str) else as_localizer(method)
        return cls(localizer, model_of(model), **how)

    @cached_property
    def circuit(self) -> Circuit:
        """The truth."""
        return self.model.circuit(self.ablation, self.lengths)

    @cached_property
    def task(self) -> LocalizationTask:
        """What the method is asked; never handed out itself."""
        return localization_task_of(
            self.model,
            ablation=self.ablation,
            lengths=self.circuit.lengths,
            n_pairs=self.n_pairs,
            seed=self.seed,
            dtype=self.dtype,
        )

    def fresh(self) -> LocalizationTask:
        """A copy of the task that shares nothing with it that a method could change."""
        task = self.task
        return replace(
            task,
            model=copy.deepcopy(task.model),
            clean=task.clean.clone(),
            counterfactual=task.counterfactual.clone(),
        )

    def run(self, task: LocalizationTask | None = None) -> EdgeScores:
        """The method's scores on a fresh task, or on another one."""
        scores = self.localizer(self.fresh() if task is None else task, **self.parameters)
        assert isinstance(scores, EdgeScores)  # noqa: S101 - the task asks for edges, and the wrapper checks
        return scores

    @cached_property
    def scores(self) -> EdgeScores:
        """The method's scores on the task as it is."""
        return self.run()

    def on(self, model: CompiledModel) -> "Trial":
        """The same method on another model."""
        return replace(self, model=model, lengths=self.circuit.lengths)

    def failure(self, what: str, lines: list[tuple[str, str]], *, check: str) -> MethodFailure:
        """What is raised if a property does not hold.

        Args:
            what: What went wrong, after the method's name.
            lines: Labels and texts that say where.
            check: The property, as ``groundtruth repro --property`` calls it.
        """
        kind = "a generated program" if self.model.family == "generated" else f"'{self.model.name}'"
        spec = method_spec(self.localizer.function, self.localizer.name)
        name, *rest = check.split(" ", 1)
        asked = [f"--method {spec}", f"--property {name}", *rest]
        asked += [f"--ablation {self.ablation}"] if self.ablation != "resample" else []
        asked += [f"--n-pairs {self.n_pairs}", *([f"--seed {self.seed}"] if self.seed else [])]
        repeat = command(f"groundtruth repro {model_spec(self.model)}", *asked)
        program = [("program", program_text(self.model))]
        return MethodFailure(f"{self.localizer.name} {what} on {kind}", [*program, *lines, ("repeat", repeat)])


def largest_change(before: EdgeScores, after: NDArray[np.float64]) -> tuple[float, Edge]:
    """By how much scores differ at most, as a share of the largest, and on which edge.

    Args:
        before: Scores.
        after: Others, in the order of ``before.graph.edges``.
    """
    change = np.abs(after - before.flat)
    worst = int(change.argmax())
    scale = max(float(np.abs(before.flat).max()), float(np.abs(after).max()))
    return (float(change[worst]) / scale if scale else 0.0), before.graph.edges[worst]


def require_same(
    trial: Trial, after: NDArray[np.float64], what: str, *, check: str, tolerance: float = TOLERANCE
) -> None:
    """Hold scores to those of the plain run.

    Raises:
        MethodFailure: Naming the edge that differs most, with both scores.
    """
    change, edge = largest_change(trial.scores, after)
    if change > tolerance:
        new = float(after[trial.scores.graph.edges.index(edge)])
        text = (
            f"{edge}   score {trial.scores[edge]:.6g}, then {new:.6g} (a change of {change:.2g} of the largest score)"
        )
        raise trial.failure(what, [("edge", text)], check=check)
