"""A featurization method on a variable of a compiled or trained model: exact scores, interchange scores, controls."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.evaluation.own_task import own_copy
from groundtruth.evaluation.variables.controls import find_other_program, shuffled, site_in_other_program
from groundtruth.evaluation.variables.featurization_tasks import (
    every_pair_task,
    featurization_task,
    ground_of,
    known_variable,
    other_program_task,
    program_ground_of,
)
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.overlap import overlap_of
from groundtruth.evaluation.variables.state_movement import movement_of
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.evaluation.variables.trained_landscape import IMPLICIT, trained_landscape, why_inexact
from groundtruth.evaluation.variables.variable_oracle import oracle
from groundtruth.model import CompiledModel, KnownModel, KnownVariable, load
from groundtruth.results.cell import ORACLE
from groundtruth.results.cell_settings import SIZES, Sizes
from groundtruth.results.variable_scores import CONTROL_KINDS, Control, ControlKind, ExactVariableScores, VariableScores
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_variable import TrainedVariableTruth
from groundtruth.truth.circuits.patched_runs import distinct
from groundtruth.truth.variables.implicit_variable import ImplicitTruth
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.errors import MethodError
from mib.featurization import FeaturizationTask, Featurizer, FeaturizerMethod, as_featurizer, get
from mib.featurization.registry import Method
from mib.featurization.site_runs import record
from mib.metrics.interchange_scores import Estimate, InterchangeScores, interchange_scores
from mib.site import Site as TaskSite


def score_featurizer(
    method: str | Method | Featurizer,
    model: KnownModel | str,
    variable: str | KnownVariable,
    site: Site | TaskSite | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    controls: bool = True,
    **task: Any,
) -> VariableScores:
    """Score one method on one variable at one site.

    Args:
        method: A function of a task, the name of a registered one, ``oracle``, or a featurizer that was found already
            (which has no controls).
        model: A compiled or trained model, or the name or folder of a stored one.
        variable: Its name or label, or itself.
        site: Site at which it is sought; see ``featurization_task``.
        parameters: Hyper-parameters of the method.
        controls: True if the method is also run where there is nothing to find: three times the work.
        task: Other arguments of ``featurization_task``: ``pairs``, ``sizes``, ``seed``, ``device``, ``dtype``.

    Raises:
        DomainError: If no interchange of the variable changes the output.
        GroundTruthError: If the variable is neither written nor implicit at the site.
        MethodError: If the method cannot run on the task or breaks its contract.

    Example:
        >>> row = score_featurizer("das", groundtruth.load("reverse"), "opposite", "resid_pre3")
        >>> row.accuracy, row.overlap.recall, row.overlap.precision, row.illusion
    """
    known = load(model) if isinstance(model, str) else model
    return VariableEvaluator.of(known, variable, site, controls=controls, **task).score(method, parameters or {})


@dataclass(frozen=True, eq=False)
class VariableEvaluator:
    """A task on a variable with its truth; every method gets a fresh copy of the task, and never the truth.

    Attributes:
        model: The model.
        truth: The variable.
        site: Site at which it is sought.
        task: Task that a method is given.
        sought: Arguments of ``featurization_task`` that the task was made with.
        controls: True if methods are also run where there is nothing to find.
    """

    model: KnownModel
    truth: KnownVariable
    site: TaskSite
    task: FeaturizationTask
    sought: Mapping[str, Any]
    controls: bool = True

    @classmethod
    def of(
        cls,
        model: KnownModel,
        variable: str | KnownVariable,
        site: Site | TaskSite | str,
        *,
        controls: bool = True,
        sizes: Sizes = SIZES,
        **task: Any,
    ) -> "VariableEvaluator":
        """The evaluator of a variable at a site; the arguments are those of ``featurization_task``. Errors as there."""
        place, sought = task_site(site), dict[str, Any](sizes=sizes, **task)
        truth = known_variable(model, variable, place, anywhere=task.get("readers") == "all")
        asked = featurization_task(model, truth, place, **sought)
        return cls(model, truth, place, asked, sought, controls)

    def score(self, method: str | Method | Featurizer, parameters: Mapping[str, Any] | None = None) -> VariableScores:
        """Run a method and score it. Errors as ``score_featurizer``."""
        start = time.perf_counter()
        name, found = self._found(method, self.task, parameters or {})
        seconds = 0.0 if method == ORACLE else time.perf_counter() - start
        split = self.task.split
        scores = interchange_scores(self.task, found, examples=split.test)
        chosen = interchange_scores(self.task, found, examples=split.validation)
        return VariableScores(
            method=name,
            model=self.model.name,
            variable=str(self.truth.variable),
            site=str(self.site),
            seed=self.task.seed,
            n_train=len(split.train),
            n_test=len(split.test),
            **measured_fields(scores, chosen),
            linear=found.basis is not None,
            rank=found.rank,
            controls=() if isinstance(method, Featurizer) else tuple(self._controls(method, parameters or {})),
            seconds=seconds,
            truth=self._exact(found),
        )

    def _exact(self, found: Featurizer) -> ExactVariableScores:
        """Say what is known beside interchanges; of a span that is not the variable's alone, why not more."""
        state = self.truth.at(self._place).state if self._place in self.truth.sites else "not written"
        everywhere = self.every_pair
        on_all = None if everywhere is None else float(everywhere.right(found).double().mean())
        if self.inexact:
            return ExactVariableScores(state, None, None, None, domain_accuracy=on_all, reason=self.inexact)
        return ExactVariableScores(
            state=state,
            minimal_rank=self.landscape.live.shape[1],
            overlap=overlap_of(found, self.landscape),
            movement=movement_of(found, self.task, self.landscape, self.natural_states, _causes(self.task)),
            domain_accuracy=on_all,
        )

    @property
    def _place(self) -> Site:
        return Site.of(self.site)

    @cached_property
    def inexact(self) -> str:
        """Why the exact directions at the site are not known; empty where they are."""
        if isinstance(self.truth, ImplicitTruth):
            return IMPLICIT
        if not isinstance(self.truth, VariableTruth):
            return why_inexact(self.truth, self._place)
        if self.sought.get("readers") == "all":
            return ""  # the expectation is wrong on purpose
        # Soft variants decode right from mixtures of values, and what holds a mixture may fail to hold another value.
        right = self.task.right(oracle(self.model, self.truth, self.site))
        wrong = int((~right).sum())
        return f"swapping its own directions goes wrong on {wrong} of {len(right)} pairs" if wrong else ""

    @cached_property
    def landscape(self) -> Landscape:
        """The exact directions at the site.

        Raises:
            DomainError: If no span there is known to be the variable's.
        """
        if isinstance(self.model, CompiledModel) and isinstance(self.truth, VariableTruth):
            return Landscape.of(ground_of(self.model), self.truth, self._place)
        if isinstance(self.model, TrainedModel) and isinstance(self.truth, TrainedVariableTruth):
            return trained_landscape(self.model, self.truth, self._place)
        raise TypeError(f"{self.truth.variable} is no variable of {self.model.name}")

    @cached_property
    def every_pair(self) -> FeaturizationTask | None:
        """The interchanges on every pair of inputs of a trained model; ``None`` if they are too many."""
        if not isinstance(self.model, TrainedModel):
            return None
        place = {name: self.sought[name] for name in ("device", "dtype") if name in self.sought}
        return every_pair_task(self.model, self.truth, self.site, **place)

    @cached_property
    def natural_states(self) -> Tensor:
        """The model's own states at the site, in what is read of them [state, readable]."""
        found: list[Tensor] = []
        first = 0 if isinstance(self.model, TrainedModel) else 1  # at BOS too where that is swapped too
        for pool in program_ground_of(self.model).pools:
            ids = self.model.encode(pool.inputs).to(self.task.base.device)
            # Through the task's module and in its dtype, for patched states are of these too.
            states = record(self.task.anatomy, self.task.site, ids).activation[:, first:].flatten(0, 1)
            found.append(states.double().cpu() @ self.landscape.readable)
        states = torch.cat(found)
        # Rounded only to tell states apart; those that are kept are as they were.
        return states[distinct((states / _GRAIN).round())[0]]

    @cached_property
    def control_tasks(self) -> dict[ControlKind, FeaturizationTask | str]:
        """The tasks where there is nothing to find, or why there is none."""
        found: dict[ControlKind, FeaturizationTask | str] = {"shuffled": shuffled(self.task, self.task.seed)}
        try:
            found["arbitrary"] = featurization_task(
                self.model, self.truth, self.site, labels="arbitrary", **self.sought
            )
        except DomainError as error:
            found["arbitrary"] = str(error)
        found["variant"] = self._variant()
        return found

    def _variant(self) -> FeaturizationTask | str:
        if not isinstance(self.model, CompiledModel) or not isinstance(self.truth, VariableTruth):
            return "only for what a compiled model has written"
        variant = find_other_program(self.model)
        if variant is None:
            return "no other program with the same behaviour in the library"
        site = site_in_other_program(self.site, self.model, variant)
        if site is None or self.sought.get("readers") == "all":
            return "only for what is live in a residual stream"
        sought = {key: value for key, value in self.sought.items() if key != "readers"}
        return (
            other_program_task(self.model, self.truth, self.site, variant, site, **sought)
            or "no pairs that both models take"
        )

    def _controls(self, method: str | Method, parameters: Mapping[str, Any]) -> list[Control]:
        if not self.controls:
            return []
        return [self._control(kind, method, parameters) for kind in CONTROL_KINDS]

    def _control(self, kind: ControlKind, method: str | Method, parameters: Mapping[str, Any]) -> Control:
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
        return known.name, known(own_copy(task), **parameters)


_GRAIN = 1e-4
"""States are told apart to this."""


def as_method(method: str | Method) -> FeaturizerMethod:
    """A registered method by name, or a function as one."""
    return get(method) if isinstance(method, str) else as_featurizer(method)


def measured_fields(scores: InterchangeScores, chosen: InterchangeScores) -> dict[str, Any]:
    """Return what a row says of interchanges.

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


def control_of(kind: ControlKind, task: FeaturizationTask, find: Callable[[], Featurizer]) -> Control:
    """Return what a method reaches where there is nothing to find; if it cannot be run there, why.

    Args:
        kind: Kind of control.
        task: Task on which the hypothesis is false.
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
