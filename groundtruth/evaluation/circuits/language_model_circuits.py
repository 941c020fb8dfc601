"""Circuits of language models: the same localization methods on a task, beside compiled models, without any truth."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.kept_curves import kept_curves
from groundtruth.evaluation.language_models import parse_task, require_ability, shared_model
from groundtruth.evaluation.own_task import own_copy
from groundtruth.results.cell import ORACLE
from groundtruth.results.circuit_scores import N_BOOTSTRAP, CircuitScores
from groundtruth.results.kept_scores import KeptScores
from groundtruth.results.prompts import MADE_UP, Prompts
from mib.levels import Level
from mib.localization import Localizer, Scores, as_localizer, get
from mib.localization.registry import Method
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import MAX_SIZES
from mib.metrics.faithfulness import areas, mib_areas
from mib.models import SharedModel

N_LANGUAGE_MODEL_PAIRS = 32
"""Number of pairs of a task on a language model, to find circuits on and as many others to measure them on."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is made of a model for one evaluator."""

    task: LocalizationTask
    held_out: LocalizationTask
    accuracy: float


@dataclass(frozen=True, eq=False)
class LanguageModelCircuitEvaluator:
    """A task on a language model: a method finds its circuit on some pairs, and MIB's metrics measure it on others.

    Methods run on the model itself: a copy of a large one would not fit beside it. A method that changes it is told of,
    and the model is read anew for the next one.

    Attributes:
        name: The model's name.
        about: The task, ``task`` or ``task:family``.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most.
    """

    name: str
    about: str
    max_sizes: int
    _lent: SharedModel
    _settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        about: str,
        *,
        ablation: str = "resample",
        n_pairs: int = N_LANGUAGE_MODEL_PAIRS,
        seed: int = 0,
        level: Level = "edge",
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        max_sizes: int = MAX_SIZES,
        prompts: Prompts = MADE_UP,
    ) -> "LanguageModelCircuitEvaluator":
        """The evaluator of a model on a task; arguments as of ``groundtruth.score``, and where its prompts come from.

        Raises:
            DomainError: If the model cannot do the task.
            ModelError: If the model cannot be found or read.
            TaskError: If the task is unknown, or no pairs can be made of it with the model's tokenizer.
        """
        task, family = parse_task(about)
        settings: dict[str, Any] = {
            "family": family, "n": n_pairs, "seed": seed, "ablation": ablation, "level": level, "right_on": "both",
            **prompts.of(task.name),
        }  # fmt: skip
        evaluator = cls(name, about, max_sizes, shared_model(name, str(device), dtype), settings)
        _ = evaluator.accuracy  # its errors are raised here, not when a method runs
        return evaluator

    @property
    def task(self) -> LocalizationTask:
        """Task that a method is given, on pairs of the part ``train``."""
        return self._asked.task

    @property
    def held_out(self) -> LocalizationTask:
        """Task that its circuits are measured on, on pairs of the part ``test``."""
        return self._asked.held_out

    @property
    def accuracy(self) -> float:
        """The share of held-out prompts that the model gets right."""
        return self._asked.accuracy

    @property
    def _asked(self) -> _Asked:
        """Made when first asked for, and again where the model had to be read anew."""
        return self._lent.made_for(self, self._make)

    def _make(self, model: mib.LoadedModel) -> _Asked:
        task, _ = parse_task(self.about)
        accuracy = require_ability(
            self.name, model, task, **{name: self._settings[name] for name in ("seed", "data", "answer_prefix")}
        )  # fmt: skip
        search, held_out = (task.localization(model, split=part, **self._settings) for part in ("train", "test"))
        return _Asked(search, held_out, accuracy)

    def score(self, method: str | Method, parameters: Mapping[str, Any] | None = None) -> CircuitScores:
        """Run a method and measure it; the scores have no truth. Errors as ``groundtruth.score``.

        Raises:
            MethodError: Also if the method changed the model.
        """
        if method == ORACLE:
            raise DomainError(f"there is no oracle for '{self.name}': what it computes is not known.")
        task = own_copy(self.task, with_model=False)
        localizer = _localizer(method, task.level)
        start = time.perf_counter()
        scores = self._lent.run(localizer.name, lambda: localizer(task, **(parameters or {})))
        seconds = time.perf_counter() - start
        return self._measured(localizer.name, task, scores, seconds)

    def _measured(self, method: str, task: LocalizationTask, scores: Scores, seconds: float) -> CircuitScores:
        cost, n = task.engine.cost, len(task)
        found = areas(self.held_out, scores, n_bootstrap=N_BOOTSTRAP, max_sizes=self.max_sizes)
        at_ten = mib_areas(self.held_out, scores)
        return CircuitScores(
            method=method,
            model=self.name,
            task=self.about,
            ablation=task.ablation,
            level=task.level,
            seed=task.seed,
            n_examples=len(self.held_out),
            mib_cpr=at_ten.cpr,
            mib_cmd=at_ten.cmd,
            cpr=found.cpr.value,
            cmd=found.cmd.value,
            cpr_interval=(found.cpr.low, found.cpr.high),
            cmd_interval=(found.cmd.low, found.cmd.high),
            forward=cost.forward / n,
            backward=cost.backward / n,
            seconds=seconds,
            scores=KeptScores.of(scores),
            curves=kept_curves(found),
        )


def _localizer(method: str | Method, level: Level) -> Localizer:
    if isinstance(method, Localizer):
        return method
    return get(method) if isinstance(method, str) else as_localizer(method, levels=(level,))
