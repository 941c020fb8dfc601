"""A featurization method on one variable at one site: exact scores, interchange scores, and controls."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.controls import Control, Kind, shuffled, site_of_variant, variant_of
from groundtruth.evaluation.variables.featurization_tasks import (
    SIZES,
    Sizes,
    featurization_task,
    ground_of,
    variant_task,
)
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.overlap import Overlap, overlap_of
from groundtruth.evaluation.variables.state_movement import Movement, movement_of
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.evaluation.variables.variable_oracle import oracle
from groundtruth.model import CompiledModel
from groundtruth.truth.circuits.patched_runs import distinct
from groundtruth.truth.variables import Site, VariableTruth
from mib.errors import MethodError
from mib.featurization import FeaturizationTask, Featurizer, FeaturizerMethod, as_featurizer, get
from mib.featurization.registry import Method
from mib.featurization.site_runs import record
from mib.metrics.interchange_scores import Estimate, InterchangeScores, interchange_scores
from mib.site import Site as TaskSite

ORACLE = "oracle"
"""The name of the method that is given the truth."""

HIGH = 0.9
"""An interchange accuracy from here on is taken as a find."""

LOW = 0.5
"""A precision below this says that most of what was found is something else."""

KINDS: tuple[Kind, ...] = ("shuffled", "arbitrary", "variant")


@dataclass(frozen=True)
class FamilyScore:
    """One data set of counterfactuals of a language model's task; MIB scores a site by the mean over them.

    Attributes:
        name: Of the family.
        accuracy: Interchange accuracy on all its test pairs.
        validation: The same on the validation split.
    """

    name: str
    accuracy: float
    validation: float


@dataclass(frozen=True)
class VariableRow:
    """One method on one variable at one site of one model.

    Of a language model no truth is known: it has no ``state``, ``overlap``, ``movement`` and ``minimal_rank``.

    Attributes:
        method: Its name.
        model: The model's name.
        variable: The variable's name.
        site: Where it was sought.
        state: ``live``, ``partly live`` or ``dead``; empty where it is not known.
        seed: Of pairs and method.
        n_train: Pairs that it learned from.
        n_test: Pairs that it was scored on.
        accuracy: Interchange accuracy on the test pairs that a no-op gets wrong.
        interval: Its 95 % confidence interval, by bootstrap over pairs.
        all_pairs: Interchange accuracy on all test pairs, those that a no-op gets right among them.
        cause: On the pairs in which the variable differs.
        isolation: On those in which only other variables differ; ``None`` if there are none.
        disentangle: Mean of cause and isolation (RAVEL); ``None`` without isolation pairs.
        validation: ``accuracy`` on the validation split: what a choice of sites may be made by; ``None`` if no pair
            of it distinguishes.
        linear: Whether what it found is a subspace.
        overlap: With the exact span; ``None`` if it is no subspace.
        movement: What its interchanges change; ``None`` where that cannot be told.
        rank: How many features it swaps.
        minimal_rank: How many dimensions of the variable are read at the site: the least that a subspace must have;
            ``None`` where it is not known.
        controls: The same method where there is nothing to find.
        seconds: Wall time of the method, without controls and scores.
        task: Of a language model, ``task`` or ``task:family``; empty for a compiled one.
        families: Of a language model, the score on each family of counterfactuals.
    """

    method: str
    model: str
    variable: str
    site: str
    state: str
    seed: int
    n_train: int
    n_test: int
    accuracy: float
    interval: tuple[float, float]
    all_pairs: float
    cause: float | None
    isolation: float | None
    disentangle: float | None
    validation: float | None
    linear: bool
    overlap: Overlap | None
    movement: Movement | None
    rank: int
    minimal_rank: int | None
    controls: tuple[Control, ...]
    seconds: float
    task: str = ""
    families: tuple[FamilyScore, ...] = ()

    @property
    def recall(self) -> float | None:
        """Of the subspace; the share that is carried over, where there is none."""
        return self.overlap.recall if self.overlap else self.movement and self.movement.carried

    @property
    def precision(self) -> float | None:
        """Of the subspace; of what is moved, where there is none."""
        return self.overlap.precision if self.overlap else self.movement and self.movement.inside

    @property
    def mib(self) -> float | None:
        """MIB's score of a site of a language model: the mean over families of the accuracy on all pairs."""
        return sum(family.accuracy for family in self.families) / len(self.families) if self.families else None

    @property
    def subject(self) -> str:
        """The model, of a language model with its task: ``learned/ioi``."""
        return f"{self.model}/{self.task}" if self.task else self.model

    @property
    def illusion(self) -> bool:
        """Whether the accuracy is that of a find, and most of what was found is not the variable."""
        return self.accuracy >= HIGH and self.precision is not None and self.precision < LOW

    @property
    def selectivity(self) -> float | None:
        """Accuracy less the highest that the method reaches where there is nothing to find."""
        known = [control.accuracy for control in self.controls if control.accuracy is not None]
        return self.accuracy - max(known) if known else None


def score_featurizer(
    method: str | Method | Featurizer,
    model: CompiledModel,
    variable: str | VariableTruth,
    site: Site | TaskSite | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    controls: bool = True,
    **task: Any,
) -> VariableRow:
    """Score one method on one variable at one site.

    Args:
        method: A function of a task, the name of a registered one, ``oracle``, or a featurizer that was found already
            (which has no controls).
        model: A compiled model.
        variable: Its name or label, or itself.
        site: Where it is sought; see ``featurization_task``.
        parameters: Hyper-parameters of the method.
        controls: Whether the method is also run where there is nothing to find: three times the work.
        task: Other arguments of ``featurization_task``: ``pairs``, ``sizes``, ``seed``, ``device``, ``dtype``.

    Raises:
        DomainError: If no interchange of the variable changes the output.
        GroundTruthError: If the variable is not written at the site.
        MethodError: If the method cannot run on the task or breaks its contract.

    Example:
        >>> row = score_featurizer("das", groundtruth.load("reverse"), "opposite", "resid_pre3")
        >>> row.accuracy, row.overlap.recall, row.overlap.precision, row.illusion
    """
    return VariableEvaluator.of(model, variable, site, controls=controls, **task).row(method, parameters or {})


@dataclass(frozen=True, eq=False)
class VariableEvaluator:
    """A task on a variable with its truth; every method gets a fresh copy of the task, and never the truth.

    Attributes:
        model: The model.
        truth: The variable.
        site: Where it is sought.
        task: What a method is asked.
        sought: How the task was made: the arguments of ``featurization_task``.
        controls: Whether methods are also run where there is nothing to find.
    """

    model: CompiledModel
    truth: VariableTruth
    site: TaskSite
    task: FeaturizationTask
    sought: Mapping[str, Any]
    controls: bool = True

    @classmethod
    def of(
        cls,
        model: CompiledModel,
        variable: str | VariableTruth,
        site: Site | TaskSite | str,
        *,
        controls: bool = True,
        sizes: Sizes = SIZES,
        **task: Any,
    ) -> "VariableEvaluator":
        """The evaluator of a variable at a site; the arguments are those of ``featurization_task``. Errors as there."""
        truth = model.variable(variable) if isinstance(variable, str) else variable
        place, sought = task_site(site), dict[str, Any](sizes=sizes, **task)
        asked = featurization_task(model, truth, place, **sought)
        return cls(model, truth, place, asked, sought, controls)

    def row(self, method: str | Method | Featurizer, parameters: Mapping[str, Any] | None = None) -> VariableRow:
        """Run a method and score it. Errors as ``score_featurizer``."""
        start = time.perf_counter()
        name, found = self._found(method, self.task, parameters or {})
        seconds = 0.0 if method == ORACLE else time.perf_counter() - start
        split, overlap = self.task.split, overlap_of(found, self.landscape)
        scores = interchange_scores(self.task, found, examples=split.test)
        chosen = interchange_scores(self.task, found, examples=split.validation)
        return VariableRow(
            method=name,
            model=self.model.name,
            variable=str(self.truth.variable),
            site=str(self.site),
            state=self.truth.at(self._place).state if self._place in self.truth.sites else "not written",
            seed=self.task.seed,
            n_train=len(split.train),
            n_test=len(split.test),
            **measured_fields(scores, chosen),
            linear=overlap is not None,
            overlap=overlap,
            movement=movement_of(found, self.task, self.landscape, self.natural_states, _causes(self.task)),
            rank=found.rank,
            minimal_rank=self.landscape.live.shape[1],
            controls=() if isinstance(method, Featurizer) else tuple(self._controls(method, parameters or {})),
            seconds=seconds,
        )

    @property
    def _place(self) -> Site:
        return Site.of(self.site)

    @cached_property
    def landscape(self) -> Landscape:
        """The exact directions at the site."""
        return Landscape.of(ground_of(self.model), self.truth, self._place)

    @cached_property
    def natural_states(self) -> Tensor:
        """The model's own states at the site, in what is read of them [state, readable]."""
        found: list[Tensor] = []
        for pool in ground_of(self.model).pools:
            ids = self.model.encode(pool.inputs).to(self.task.base.device)
            states = record(self.task.anatomy, self.task.site, ids).activation[:, 1:].flatten(0, 1)
            found.append(states.double().cpu() @ self.landscape.readable)
        states = torch.cat(found)
        return states[distinct((states / _GRAIN).round())[0]]

    @cached_property
    def control_tasks(self) -> dict[Kind, FeaturizationTask | str]:
        """The tasks where there is nothing to find, or why there is none."""
        found: dict[Kind, FeaturizationTask | str] = {"shuffled": shuffled(self.task, self.task.seed)}
        try:
            found["arbitrary"] = featurization_task(
                self.model, self.truth, self.site, labels="arbitrary", **self.sought
            )
        except DomainError as error:
            found["arbitrary"] = str(error)
        found["variant"] = self._variant()
        return found

    def _variant(self) -> FeaturizationTask | str:
        variant = variant_of(self.model)
        if variant is None:
            return "no other program with the same behaviour in the library"
        site = site_of_variant(self.site, self.model, variant)
        if site is None or self.sought.get("readers") == "all":
            return "only for what is live in a residual stream"
        sought = {key: value for key, value in self.sought.items() if key != "readers"}
        return (
            variant_task(self.model, self.truth, self.site, variant, site, **sought) or "no pairs that both models take"
        )

    def _controls(self, method: str | Method, parameters: Mapping[str, Any]) -> list[Control]:
        if not self.controls:
            return []
        return [self._control(kind, method, parameters) for kind in KINDS]

    def _control(self, kind: Kind, method: str | Method, parameters: Mapping[str, Any]) -> Control:
        task = self.control_tasks[kind]
        if isinstance(task, str):
            return Control(kind, None, task)
        if method == ORACLE and kind == "variant":
            return Control(kind, None, "the oracle knows nothing of another model")
        return control_of(kind, task, lambda: self._found(method, task, parameters)[1])

    def _found(
        self, method: str | Method | Featurizer, task: FeaturizationTask, parameters: Mapping[str, Any]
    ) -> tuple[str, Featurizer]:
        """The method's name and what it found on a copy of a task."""
        if isinstance(method, Featurizer):
            return "featurizer", method
        if method == ORACLE:
            return ORACLE, oracle(self.model, self.truth, self.site)
        known = as_method(method)
        return known.name, known(replace(task, model=copy.deepcopy(task.model)), **parameters)


_GRAIN = 1e-4
"""States are told apart to this."""


def as_method(method: str | Method) -> FeaturizerMethod:
    """A registered method by name, or a function as one."""
    return get(method) if isinstance(method, str) else as_featurizer(method)


def measured_fields(scores: InterchangeScores, chosen: InterchangeScores) -> dict[str, Any]:
    """What a row says of interchanges.

    Args:
        scores: On the test pairs.
        chosen: On the validation pairs.
    """
    return {
        "accuracy": scores.distinguishing.value,
        "interval": (scores.distinguishing.low, scores.distinguishing.high),
        "all_pairs": scores.accuracy.value,
        "cause": _known_value(scores.cause),
        "isolation": _known_value(scores.isolation),
        "disentangle": _known_value(scores.disentangle),
        "validation": _known_value(chosen.distinguishing),
    }


def control_of(kind: Kind, task: FeaturizationTask, find: Callable[[], Featurizer]) -> Control:
    """What a method reaches where there is nothing to find; if it cannot be run there, why.

    Args:
        kind: Of control.
        task: Where the hypothesis is false.
        find: Runs the method on the task.
    """
    try:
        found = find()
    except MethodError as error:
        return Control(kind, None, str(error))
    return Control(kind, _known_value(interchange_scores(task, found, examples=_causes(task)).distinguishing))


def _known_value(estimate: Estimate) -> float | None:
    """An estimate's value; ``None`` if no pair counts."""
    return None if math.isnan(estimate.value) else estimate.value


def _causes(task: FeaturizationTask) -> Tensor:
    test = task.split.test
    return test if task.isolates is None else test[~task.isolates[test]]
