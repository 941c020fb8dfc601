"""A localization method on a compiled model, and the comparison of its edge scores with those of another run."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import localization_task_of, model_of
from groundtruth.testing.trial import Trial
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.variants.variant import Variant
from mib.engine import Metric
from mib.graph import EdgeScores
from mib.localization import as_localizer, get
from mib.localization.registry import Method
from mib.localization.task import LocalizationTask

TOLERANCE = 1e-5
"""Scores are the same if they differ by less than this share of the largest; tasks are in float64."""

_NOTHING = 1e-3
"""An edge that scores less than this share of what live edges do (their median) is passed over."""


@dataclass(frozen=True, eq=False)
class LocalizerTrial(Trial[LocalizationTask, EdgeScores]):
    """A localization method on a model.

    Attributes:
        ablation: Kind of value that a cut edge carries.
        lengths: Lengths of the inputs that are taken; ``None``: the model's own.
        n_pairs: Number of examples, at most.
    """

    INPUTS = ("clean", "counterfactual")

    ablation: str = "resample"
    lengths: str | None = None
    n_pairs: int = 48

    @classmethod
    def of(cls, method: str | Method, model: CompiledModel | str, **how: Any) -> "LocalizerTrial":
        """Make a trial of a method, or of a registered one's name, on a model, or whatever names one."""
        return cls(get(method) if isinstance(method, str) else as_localizer(method), model_of(model), **how)

    @cached_property
    def circuit(self) -> Circuit:
        """The truth."""
        return self.model.circuit(self.ablation, self.lengths)

    @cached_property
    def task(self) -> LocalizationTask:
        """The task that the method gets copies of; never handed out itself."""
        return localization_task_of(
            self.model,
            ablation=self.ablation,
            lengths=self.circuit.lengths,
            n_pairs=self.n_pairs,
            seed=self.seed,
            dtype=self.dtype,
        )

    def on(self, model: CompiledModel) -> "LocalizerTrial":
        """Put the same method on another model."""
        return replace(self, model=model, lengths=self.circuit.lengths)

    def shuffle(self, task: LocalizationTask, seed: int) -> LocalizationTask:
        """Return the task with its examples in another order."""
        order = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
        metric = _Reordered(task.metric, order)
        return replace(task, clean=task.clean[order], counterfactual=task.counterfactual[order], metric=metric)

    def numbers_of(self, result: EdgeScores) -> NDArray[np.float64]:
        """Copy the scores, in the order of the graph's edges."""
        return result.flat.copy()

    def require_same(
        self, after: EdgeScores, what: str, *lines: tuple[str, str], check: str, tolerance: float | None = None
    ) -> None:
        """Hold scores to those of the plain run; tolerance is a share of the largest score. See ``Trial``."""
        limit = TOLERANCE if tolerance is None else tolerance
        change, worst = largest_change(self.numbers, after.flat)
        # A share can round to 0 where the scores differ: without tolerance the bits decide.
        if change > limit or (limit == 0 and not np.array_equal(self.numbers, after.flat)):
            spell = repr if limit == 0 else "{:.6g}".format
            old, new = (spell(float(scores[worst])) for scores in (self.numbers, after.flat))
            edge = self.result.graph.edges[worst]
            text = f"{edge}   score {old}, then {new} (a change of {change:.2g} of the largest score)"
            raise self.failure(what, ("edge", text), *lines, check=check)

    def moved_back(self, scores: EdgeScores, variant: Variant) -> EdgeScores:
        """Give the edges of the original the scores that theirs have in a variant of it."""
        graph = variant.original.graph
        return EdgeScores(graph, np.array([scores[variant.edges[edge]] for edge in graph.edges]))

    def require_nothing_added(self, scores: EdgeScores, variant: Variant, what: str, *, check: str) -> None:
        """See that edges which only a variant has score nothing.

        Raises:
            MethodFailure: Naming the added edge with the largest score.
        """
        known = set(variant.edges.values())
        added = [edge for edge in scores.graph.edges if edge not in known]
        if not added:
            return
        worst = max(added, key=lambda edge: abs(scores[edge]))
        live = [abs(scores[variant.edges[edge]]) for edge in self.circuit.edges]
        # The median, as one loud edge must not hide what is scored beside it; live edges at 0 are misses, no scale.
        usual = float(np.median([score for score in live if score] or [0.0]))
        if abs(scores[worst]) > _NOTHING * usual:
            text = f"{worst}   score {scores[worst]:.3g}; the median of the live edges is {usual:.3g}"
            raise self.failure(what, ("edge", text), check=check)

    def command_options(self) -> tuple[list[str], list[str]]:
        """List the options that repeat the trial: those before the property, and those after it."""
        ablation = [f"--ablation {self.ablation}"] if self.ablation != "resample" else []
        return [], [*ablation, f"--n-pairs {self.n_pairs}"]


def largest_change(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, int]:
    """Return by how much scores differ at most, as a share of the largest, and the number of the edge.

    Args:
        before: Scores.
        after: Others, in the same order.
    """
    change = np.abs(after - before)
    worst = int(change.argmax())
    scale = max(float(np.abs(before).max()), float(np.abs(after).max()))
    return (float(change[worst]) / scale if scale else 0.0), worst


@dataclass(frozen=True, eq=False)
class _Reordered:
    """A metric that is told the examples' numbers in another order."""

    metric: Metric
    order: torch.Tensor

    def __call__(self, logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return self.metric(logits, self.order.to(examples.device)[examples])
