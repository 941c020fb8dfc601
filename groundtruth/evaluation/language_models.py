"""Language models by what a user calls them: which tasks they are scored on, whether they can do them, and one copy."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import torch

import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.own_models import load_own_model, load_own_task, makes_model, own_sha256
from groundtruth.user_sources import is_own_spec
from mib import learned, tasks
from mib.models import MODELS, SharedModel
from mib.tasks.string_pairs import OWN
from mib.tasks.token_pairs import Data

N_TRIED = 100
"""On how many held-out prompts it is tried whether the model can do a task."""

LEAST_RIGHT = 0.5
"""Share of these that it must get right: of what a model cannot do there is no circuit to find."""

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def is_language_model(name: str) -> bool:
    """Tell whether a name is that of a language model, not of a compiled one.

    Args:
        name: ``learned`` or a member of its panel, a short name such as ``gpt2``, the folder of a checkpoint, or an
            id on the Hugging Face hub, or my_model.py:make, a function that is annotated to give a LoadedModel.
    """
    if is_own_spec(name):
        return makes_model(name)
    if name in learned.names() or name in MODELS:
        return True
    if Path(name).is_dir():
        return (Path(name) / "config.json").is_file()
    return HUB_ID.fullmatch(name) is not None and ".py" not in name and not name.startswith(".")


def tasks_of(model: str, asked: Sequence[str] | None) -> list[str]:
    """The tasks that a language model is scored on, each ``task`` or ``task:family``.

    Args:
        model: A language model.
        asked: By the user; ``None``: those that a learned model is shown to do.

    Raises:
        DomainError: If none is asked for and none is known.
        TaskError: If a task or family is unknown.
    """
    if asked is None:
        if model not in learned.names():
            raise DomainError(
                f"'{model}' is a language model: say by --task what it is scored on. Known: {', '.join(tasks.names())}."
            )
        return list(learned.tasks(model))
    for name in asked:
        parse_task(name)
    return list(asked)


def is_own_task(task: str) -> bool:
    """Tell whether a task is one of a user's own: ``my_task.py:task``, or ``my_mod:task`` but not ``ioi:FAMILY``."""
    return is_own_spec(task) and task.partition(":")[0] not in tasks.names()


def parse_task(task: str) -> tuple[tasks.Task, str]:
    """A task and its family of counterfactuals; my_task.py:task is one of a user's own."""
    if is_own_task(task):
        own = load_own_task(task)
        return own, own.default_family
    name, _, family = task.partition(":")
    found = tasks.get(name)
    return found, found.check_family(family or found.default_family)


@cache
def checkpoint_sha256(name: str) -> str:
    """SHA-256 of the files of a checkpoint; of its name where it is not a folder, of sources for my_model.py:make."""
    if is_own_spec(name):
        return own_sha256(name, "model")
    folder = learned.checkpoint_of(name) if name in learned.names() else Path(name)
    digest = hashlib.sha256(name.encode())
    if folder.is_dir():
        for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors")):
            with path.open("rb") as file:  # gigabytes: never whole
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(path.name.encode() + b"\0" + content)
    return digest.hexdigest()


def require_ability(
    name: str,
    model: mib.LoadedModel,
    task: tasks.Task,
    *,
    seed: int,
    data: Data = None,
    answer_prefix: str | None = None,
) -> float:
    """Measure the share of held-out prompts that a model gets right; other arguments as of ``Task.accuracy``.

    Raises:
        DomainError: If it is too low.
    """
    n = N_TRIED
    if task.source == OWN and data is None:  # as many as there are, where a user gave fewer
        n = len(list(islice(task.stream(seed=seed, split="test"), N_TRIED)))
    accuracy = task.accuracy(model, n=n, seed=seed, data=data, answer_prefix=answer_prefix)
    if accuracy < LEAST_RIGHT:
        raise DomainError(
            f"'{name}' gets {accuracy:.0%} of {n} held-out prompts of {task.name} right: what it cannot do has "
            "no circuit to find."
        )
    return accuracy


_shared_models: dict[tuple[str, str, torch.dtype], SharedModel] = {}
"""The model that was asked for last, kept for its other tasks; never two."""


def shared_model(name: str, device: str, dtype: torch.dtype) -> SharedModel:
    """A language model by name, to be lent to one method after the other."""
    key = (name, device, dtype)
    if key not in _shared_models:
        for other in _shared_models.values():
            # Before the new one is read: two models might not fit into the memory.
            other.give_up()
        _shared_models.clear()
        _shared_models[key] = SharedModel(
            lambda: (
                load_own_model(name, device, dtype)
                if is_own_spec(name)
                else mib.load_model(name, device=device, dtype=dtype)
            )
        )
    return _shared_models[key]
