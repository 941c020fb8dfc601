"""Where variables of language models are sought, unless a user says so."""

import json
from collections.abc import Sequence
from pathlib import Path

from groundtruth.errors import DomainError
from groundtruth.evaluation.language_models import is_language_model, tasks_of
from groundtruth.evaluation.variables.language_model_variables import LAST, families_of, place_of
from mib import learned
from mib.site import Site
from mib.tasks import Task

LanguageModelPlace = tuple[str, str, str, str]
"""Model, task, variable and site."""


def names_language_model(name: str) -> bool:
    """Tell whether a model, with or without ``:variable@site``, is a language model."""
    return is_language_model(name.partition(":")[0])


def language_model_places(name: str, asked: Sequence[str] | None = None) -> list[LanguageModelPlace]:
    """The places of a language model, or the one that is named.

    These are all variables of its tasks that the answer follows from, behind every block, at the last position.

    Args:
        name: ``learned``, or ``learned:output_token@residual.1.post@last``, where the position may be left out.
        asked: Tasks, each ``task`` or ``task:family``; of the learned model by default all that it can do and that
            have a variable.

    Raises:
        DomainError: If a task has no variable to seek, none is asked for of a model other than the learned one, or the
            number of layers is not known before the model is loaded.
        TaskError: If there is no such task, variable, site or position.
    """
    model, _, place = name.partition(":")
    variable, _, site = place.partition("@")
    found: list[LanguageModelPlace] = []
    for about in tasks_of(model, asked):
        task = families_of(about)[0]
        known = _sought(task)
        if asked is None and not known:
            continue
        wanted = [_checked(task, known, variable)] if variable else known
        if not wanted:
            raise _nothing_to_seek(task)
        sites = [_named(task, site)] if site else _sites(model)
        found += [(model, about, one, where) for one in wanted for where in sites]
    return found


def _sought(task: Task) -> list[str]:
    """The variables that the answer follows from."""
    hypothesis = task.causal_model
    return [] if hypothesis is None or task.candidates else [name for name in task.variables if hypothesis.moves(name)]


def _checked(task: Task, known: Sequence[str], variable: str) -> str:
    """A variable, any of the causal model that the answer follows from."""
    hypothesis = task.causal_model
    if not known or hypothesis is None:
        raise _nothing_to_seek(task)
    if not hypothesis.moves(variable):
        raise DomainError(
            f"no answer of task {task.name} follows from '{variable}' in its causal model. Choose from "
            f"{', '.join(name for name in hypothesis.variables if hypothesis.moves(name))}."
        )
    return variable


def _nothing_to_seek(task: Task) -> DomainError:
    return DomainError(f"task {task.name} has no variable to seek: its causal model predicts no answer of its own.")


def _named(task: Task, site: str) -> str:
    """A site with its position."""
    place, position = place_of(site)
    known = (LAST, "all", *task.positions)
    if position not in known:
        raise DomainError(f"task {task.name} has no position '{position}'. Choose from {', '.join(known)}.")
    return f"{place}@{position}"


def _sites(model: str) -> list[str]:
    return [f"{Site.residual(layer)}@{LAST}" for layer in range(_n_layers(model))]


def _n_layers(model: str) -> int:
    """From the checkpoint's configuration."""
    path = (learned.checkpoint_of(model) if model in learned.names() else Path(model)) / "config.json"
    if path.is_file():
        config = json.loads(path.read_bytes())
        for key in ("n_layer", "num_hidden_layers"):
            if isinstance(config.get(key), int):
                return int(config[key])
    raise DomainError(
        f"how many layers '{model}' has is not known before it is loaded: name a variable and a site, such as "
        f"{model}:output_token@residual.6.post@{LAST}."
    )
