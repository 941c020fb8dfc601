"""Real models beside the compiled ones: the same methods on a language model and a task, without any truth."""

import copy
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.circuit_evaluator import N_BOOTSTRAP, ORACLE, Row
from groundtruth.evaluation.prompts import MADE_UP, Prompts
from mib import learned, tasks
from mib.localization import Localizer, Scores, as_localizer, get
from mib.localization.registry import Method
from mib.localization.task import Level, LocalizationTask
from mib.metrics.faithfulness import MAX_SIZES, areas, mib_areas
from mib.models import MODELS, SharedModel
from mib.tasks.token_pairs import Data

N_REAL_PAIRS = 32
"""How many pairs a task on a real model has, to find circuits on and as many others to measure them on."""

N_TRIED = 100
"""On how many held-out prompts it is tried whether the model can do a task."""

LEAST_RIGHT = 0.5
"""Share of these that it must get right: of what a model cannot do there is no circuit to find."""

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def is_real(name: str) -> bool:
    """Whether a name is that of a language model, not of a compiled one.

    Args:
        name: ``learned``, a short name such as ``gpt2``, the folder of a checkpoint, or an id on the Hugging Face hub.
    """
    if name == learned.NAME or name in MODELS:
        return True
    if Path(name).is_dir():
        return (Path(name) / "config.json").is_file()
    return HUB_ID.fullmatch(name) is not None and ".py" not in name and not name.startswith(".")


def tasks_of(model: str, asked: Sequence[str] | None) -> list[str]:
    """The tasks that a real model is scored on, each ``task`` or ``task:family``.

    Args:
        model: A real model.
        asked: By the user; ``None``: those that the learned model is shown to do.

    Raises:
        DomainError: If none is asked for and none is known.
        TaskError: If a task or family is unknown.
    """
    if asked is None:
        if model != learned.NAME:
            raise DomainError(
                f"'{model}' is a language model: say by --task what it is scored on. Known: {', '.join(tasks.names())}."
            )
        return list(learned.tasks())
    for name in asked:
        _parse(name)
    return list(asked)


def _parse(task: str) -> tuple[tasks.Task, str]:
    """A task and its family of counterfactuals."""
    name, _, family = task.partition(":")
    found = tasks.get(name)
    return found, found.check_family(family or found.default_family)


@cache
def real_sha256(name: str) -> str:
    """SHA-256 of the files of a checkpoint; of its name where it is not a folder."""
    folder = learned.CHECKPOINT if name == learned.NAME else Path(name)
    digest = hashlib.sha256(name.encode())
    if folder.is_dir():
        for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors")):
            with path.open("rb") as file:  # gigabytes: never whole
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(path.name.encode() + b"\0" + content)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is made of a model for one evaluator."""

    task: LocalizationTask
    held_out: LocalizationTask
    accuracy: float


@dataclass(frozen=True, eq=False)
class RealEvaluator:
    """A task on a real model: a method finds its circuit on some pairs, and MIB's metrics measure it on others.

    Methods run on the model itself: a copy of a large one would not fit beside it. A method that changes it is told of,
    and the model is read anew for the next one.

    Attributes:
        name: The model's name.
        about: The task, ``task`` or ``task:family``.
        max_sizes: How many circuit sizes CPR and CMD are measured at, at most.
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
        n_pairs: int = N_REAL_PAIRS,
        seed: int = 0,
        level: Level = "edge",
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        max_sizes: int = MAX_SIZES,
        prompts: Prompts = MADE_UP,
    ) -> "RealEvaluator":
        """The evaluator of a model on a task; arguments as of ``groundtruth.score``, and where its prompts come from.

        Raises:
            DomainError: If the model cannot do the task.
            ModelError: If the model cannot be found or read.
            TaskError: If the task is unknown, or no pairs can be made of it with the model's tokenizer.
        """
        task, family = _parse(about)
        settings: dict[str, Any] = {
            "family": family, "n": n_pairs, "seed": seed, "ablation": ablation, "level": level, "right_on": "both",
            **prompts.of(task.name),
        }  # fmt: skip
        evaluator = cls(name, about, max_sizes, shared_model(name, str(device), dtype), settings)
        _ = evaluator.accuracy  # its errors are raised here, not when a method runs
        return evaluator

    @property
    def task(self) -> LocalizationTask:
        """What a method is asked, on pairs of the part ``train``."""
        return self._asked.task

    @property
    def held_out(self) -> LocalizationTask:
        """What its circuits are measured on, pairs of the part ``test``."""
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
        task, _ = _parse(self.about)
        accuracy = able(
            self.name, model, task, **{name: self._settings[name] for name in ("seed", "data", "answer_prefix")}
        )  # fmt: skip
        search, held_out = (task.localization(model, split=part, **self._settings) for part in ("train", "test"))
        return _Asked(search, held_out, accuracy)

    def row(self, method: str | Method, parameters: Mapping[str, Any] | None = None) -> Row:
        """Run a method and measure it; the exact scores of the row are ``None``. Errors as ``groundtruth.score``.

        Raises:
            MethodError: Also if the method changed the model.
        """
        if method == ORACLE:
            raise DomainError(f"there is no oracle for '{self.name}': what it computes is not known.")
        task = _own(self.task)
        localizer = _localizer(method, task.level)
        start = time.perf_counter()
        scores = self._lent.run(localizer.name, lambda: localizer(task, **(parameters or {})))
        seconds = time.perf_counter() - start
        return self._measured(localizer.name, task, scores, seconds)

    def _measured(self, method: str, task: LocalizationTask, scores: Scores, seconds: float) -> Row:
        cost, n = task.engine.cost, len(task)
        found = areas(self.held_out, scores, n_bootstrap=N_BOOTSTRAP, max_sizes=self.max_sizes)
        at_ten = mib_areas(self.held_out, scores)
        return Row(
            method=method,
            model=self.name,
            task=self.about,
            ablation=task.ablation,
            lengths="",
            level=task.level,
            seed=task.seed,
            n_examples=len(self.held_out),
            live=None,
            variables=None,
            structural=None,
            mib_cpr=at_ten.cpr,
            mib_cmd=at_ten.cmd,
            cpr=found.cpr.value,
            cmd=found.cmd.value,
            cpr_interval=(found.cpr.low, found.cpr.high),
            cmd_interval=(found.cmd.low, found.cmd.high),
            true_cpr=None,
            true_cmd=None,
            forward=cost.forward / n,
            backward=cost.backward / n,
            seconds=seconds,
            wrong=(),
        )


def able(
    name: str,
    model: mib.LoadedModel,
    task: tasks.Task,
    *,
    seed: int,
    data: Data = None,
    answer_prefix: str | None = None,
) -> float:
    """The share of held-out prompts that a model gets right; the other arguments are those of ``Task.accuracy``.

    Raises:
        DomainError: If it is too low.
    """
    accuracy = task.accuracy(model, n=N_TRIED, seed=seed, data=data, answer_prefix=answer_prefix)
    if accuracy < LEAST_RIGHT:
        raise DomainError(
            f"'{name}' gets {accuracy:.0%} of {N_TRIED} held-out prompts of {task.name} right: what it cannot do has "
            "no circuit to find."
        )
    return accuracy


def _own(task: LocalizationTask) -> LocalizationTask:
    """The task with an engine, a count of passes, inputs and a metric of its own, and the same model."""
    names = ("clean", "counterfactual", "attention_mask", "counterfactual_mask", "metric")
    return replace(task, **{name: copy.deepcopy(getattr(task, name)) for name in names})


def _localizer(method: str | Method, level: Level) -> Localizer:
    if isinstance(method, Localizer):
        return method
    return get(method) if isinstance(method, str) else as_localizer(method, levels=(level,))


_shared_models: dict[tuple[str, str, torch.dtype], SharedModel] = {}
"""The model that was asked for last, kept for its other tasks; never two."""


def shared_model(name: str, device: str, dtype: torch.dtype) -> SharedModel:
    """A language model by name, to be lent to one method after the other."""
    key = (name, device, dtype)
    if key not in _shared_models:
        for other in _shared_models.values():
            other.give_up()
        _shared_models.clear()
        _shared_models[key] = SharedModel(lambda: mib.load_model(name, device=device, dtype=dtype))
    return _shared_models[key]
