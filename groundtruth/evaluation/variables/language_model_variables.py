"""Variables of language models: the same featurization methods on a task's causal model, without any truth."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.language_models import require_ability, shared_model
from groundtruth.evaluation.own_task import require_unchanged
from groundtruth.evaluation.variables.shuffled_model import n_bytes, shuffled_anatomy
from groundtruth.evaluation.variables.variable_evaluator import as_method, control_of, measured_fields
from groundtruth.results.cell import ORACLE
from groundtruth.results.cell_settings import Sizes
from groundtruth.results.prompts import MADE_UP, Prompts
from groundtruth.results.variable_scores import Control, ControlKind, FamilyScore, VariableScores
from mib import tasks
from mib.featurization import FeaturizationTask, Featurizer
from mib.featurization.registry import Method
from mib.leaderboard.protocols import PROTOCOLS
from mib.metrics.interchange_scores import InterchangeScores, by_family, distinguishing, scores_of
from mib.models import SharedModel
from mib.site import Site

LARGEST_COPY = 2**30
"""Size in bytes of the largest model of which a shuffled copy is made."""

LAST = "last"
"""Position of a site unless another one is named."""


def families_of(about: str) -> tuple[tasks.Task, tuple[str, ...]]:
    """A task and its families of counterfactuals: the one that is named, else those that MIB's track pools.

    Args:
        about: ``task`` or ``task:family``.

    Raises:
        TaskError: If either is unknown.
    """
    name, _, family = about.partition(":")
    task = tasks.get(name)
    if family:
        return task, (task.check_family(family),)
    return task, PROTOCOLS[name].families if name in PROTOCOLS else (task.default_family,)


def place_of(site: str) -> tuple[Site, str]:
    """A site and the name of a position: ``residual.1.post@last``.

    Raises:
        TaskError: If the site is none.
    """
    place, _, position = site.partition("@")
    return Site.parse(place), position or LAST


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is made of a model for one evaluator."""

    task: FeaturizationTask
    distinguishes: Bool[Tensor, "example"]
    controls: Mapping[ControlKind, FeaturizationTask | str]


@dataclass(eq=False)
class LanguageModelVariableEvaluator:
    """A variable of a task's causal model at a site of a language model.

    Pairs are those of ``Task.featurization``: the model is right on both prompts, and train, validation and test
    share no prompt. Pairs on which the variable has the same value count as isolation pairs, unless the task has its
    own. Methods run on the model itself; one that changes it is told of, and the model is read anew.

    Attributes:
        name: The model's name.
        about: The task, ``task`` or ``task:family``.
        variable: Variable of its causal model.
        site: Site at which it is sought, with the name of a position: ``residual.1.post@last``.
        controls: True if methods are also run where there is nothing to find.
    """

    name: str
    about: str
    variable: str
    site: str
    controls: bool
    _lent: SharedModel
    _settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        about: str,
        variable: str,
        site: str,
        *,
        controls: bool = True,
        sizes: Sizes,
        seed: int = 0,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        prompts: Prompts = MADE_UP,
    ) -> "LanguageModelVariableEvaluator":
        """The evaluator of a variable.

        Args:
            name: A language model.
            about: ``task``, of which the families are pooled that MIB pools, or ``task:family``.
            variable: Variable of the task's causal model.
            site: A site, such as ``residual.1.post@last``.
            controls: True if methods are also run where there is nothing to find.
            sizes: Number of pairs to learn from, to choose by and to score on.
            seed: Seed of pairs and methods.
            device: Device to run on.
            dtype: Dtype of the model.
            prompts: Source of the pairs, and how they are read.

        Raises:
            DomainError: If the model cannot do the task, or no interchange of the variable changes the answer.
            ModelError: If the model cannot be found or read.
            TaskError: If task, variable or site do not exist, or there are too few pairs.
        """
        n = (sizes.train, sizes.validation, sizes.test)
        settings = {"n": n, "seed": seed, **prompts.of(families_of(about)[0].name)}
        evaluator = cls(name, about, variable, site, controls, shared_model(name, str(device), dtype), settings)
        _ = evaluator.task  # its errors are raised here, not when a method runs
        return evaluator

    @property
    def task(self) -> FeaturizationTask:
        """Task that a method is given."""
        return self._asked.task

    @property
    def _asked(self) -> _Asked:
        return self._lent.made_for(self, self._make)

    def _make(self, model: mib.LoadedModel) -> _Asked:
        task, _ = families_of(self.about)
        require_ability(
            self.name, model, task, **{name: self._settings[name] for name in ("seed", "data", "answer_prefix")}
        )
        asked = self._build(model)
        distinguishes = distinguishing(asked)
        for part in ("train", "validation", "test"):
            if not bool(distinguishes[getattr(asked.split, part)].any()):
                raise DomainError(
                    f"no interchange of {self.variable} changes the answer on a pair of the {part} split of "
                    f"{self.about}: there is nothing to find."
                )
        return _Asked(asked, distinguishes, dict(self._nothing_to_find(model, asked)))

    def _nothing_to_find(
        self, model: mib.LoadedModel, asked: FeaturizationTask
    ) -> Iterator[tuple[ControlKind, FeaturizationTask | str]]:
        """Tasks in which the hypothesis is false, or why there is none."""
        if not self.controls:
            return
        if n_bytes(model.anatomy) > LARGEST_COPY:
            yield "shuffled", f"no copy is made of a model of more than {LARGEST_COPY / 2**30:g} GiB"
        else:
            yield "shuffled", replace(asked, model=shuffled_anatomy(model.anatomy, asked.seed))
        yield "arbitrary", self._build(model, labels="arbitrary")

    def _build(self, model: mib.LoadedModel, **more: Any) -> FeaturizationTask:
        task, families = families_of(self.about)
        site, position = place_of(self.site)
        made = task.featurization(
            model, variable=self.variable, site=site, position=position, family=families, right_on="both",
            **self._settings, **more,
        )  # fmt: skip
        if made.isolates is not None or made.base_values is None or made.source_values is None:
            return made
        return replace(made, isolates=(made.base_values == made.source_values).all(1))

    def score(self, method: str | Method | Featurizer, parameters: Mapping[str, Any] | None = None) -> VariableScores:
        """Run a method and measure it; the scores have no truth.

        Raises:
            DomainError: If the method is the oracle.
            MethodError: If it cannot run on the task, breaks its contract or changed the model.
        """
        if method == ORACLE:
            raise DomainError(f"there is no oracle for '{self.name}': what it computes is not known.")
        start = time.perf_counter()
        name, found = self._found(method, self.task, parameters or {})
        seconds = time.perf_counter() - start
        return self._measured(name, found, seconds, self._controls(method, parameters or {}))

    def _measured(
        self, method: str, found: Featurizer, seconds: float, controls: tuple[Control, ...]
    ) -> VariableScores:
        split = self.task.split
        right, ruling = (self.task.right(found, examples=part) for part in (split.test, split.validation))
        scores, ruled = self._scores(right, split.test), self._scores(ruling, split.validation)
        return VariableScores(
            method=method,
            model=self.name,
            variable=self.variable,
            site=self.site,
            seed=self.task.seed,
            n_train=len(split.train),
            n_test=len(split.test),
            **measured_fields(scores, ruled),
            linear=found.basis is not None,
            rank=found.rank,
            controls=controls,
            seconds=seconds,
            task=self.about,
            families=self._by_family(right, ruling),
        )

    def _scores(self, right: Tensor, examples: Tensor) -> InterchangeScores:
        isolates = self.task.isolates
        isolated = torch.zeros_like(right) if isolates is None else isolates[examples]
        return scores_of(right, self._asked.distinguishes[examples], isolated)

    def _by_family(self, right: Tensor, ruling: Tensor) -> tuple[FamilyScore, ...]:
        """Score the families that have a pair in both parts."""
        family, split = self.task.family, self.task.split
        if family is None:
            return ()
        tested, ruled = by_family(right, family[split.test]), by_family(ruling, family[split.validation])
        names = families_of(self.about)[1]
        return tuple(FamilyScore(names[number], tested[number], ruled[number]) for number in tested if number in ruled)

    def _controls(self, method: str | Method | Featurizer, parameters: Mapping[str, Any]) -> tuple[Control, ...]:
        if isinstance(method, Featurizer):
            return ()
        return tuple(self._control(kind, method, parameters) for kind in self._asked.controls)

    def _control(self, kind: ControlKind, method: str | Method, parameters: Mapping[str, Any]) -> Control:
        task = self._asked.controls[kind]
        if isinstance(task, str):
            return Control(kind, None, task)
        return control_of(kind, task, lambda: self._found(method, task, parameters)[1])

    def _found(
        self, method: str | Method | Featurizer, task: FeaturizationTask, parameters: Mapping[str, Any]
    ) -> tuple[str, Featurizer]:
        """The method's name and what it found."""
        if isinstance(method, Featurizer):
            return "featurizer", method
        known = as_method(method)
        with require_unchanged(task):
            return known.name, self._lent.run(known.name, lambda: known(task, **parameters))
