"""Which variables the variable track seeks, where, and with how many pairs, unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from groundtruth.bench.request import Profile, Request, Subject
from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.informative_variables import informative
from groundtruth.evaluation.variables.language_model_sites import (
    LanguageModelPlace,
    language_model_places,
    names_language_model,
)
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import KnownModel
from groundtruth.results.cell_settings import Sizes, VariableSetting
from groundtruth.specs import find_model, models_in
from groundtruth.store.catalog import stored
from groundtruth.store.summaries import summaries
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.variables.residual_sites import Site
from mib import learned

Place = tuple[str, str, str]
"""Model, variable and site."""

N_PLACES = 2
"""Variables and sites of each model of which only the name is given."""

MAX_EDGES = 150
"""The full profile has the shipped models of up to this many edges."""

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"rank": 8} for name in ("random-k", "pca", "svd", "observable-propagation")},
    **{name: {"rank": 8, "steps": 300} for name in ("das", "mdas")},
    **{name: {"steps": 150} for name in ("dbm", "dbm-sparse", "dbm-pca", "dbm-svd")},
    **{
        name: {"sae_steps": 250, "steps": 100}
        for name in ("dbm-sae", "dbm-sae-top-k", "dbm-sae-batch-top-k", "dbm-sae-top-afa")
    },
    "das-search": {"max_rank": 8, "steps": 150, "restarts": 1},
    "boundless-das": {"steps": 200},
    "bijection-das": {"rank": 8, "blocks": 2, "steps": 200},
    "k-means": {"clusters": 4},
}
"""Hyper-parameters that are not the published ones: models here have 15 to 150 dimensions, not thousands."""


LANGUAGE_MODEL_SIZES = Sizes(240, 80, 80)
"""Pairs of a language model's task."""


@dataclass(frozen=True)
class VariableChoice:
    """A choice of variables and pairs.

    Attributes:
        places: Models, variables and sites; ``None``: those that tell most of every model of up to 150 edges.
        sizes: How many pairs.
        learned: Where the learned model is scored too: on a ``few`` places, one variable of each of MIB's tasks behind
            one block and without controls, on ``all`` of them, or nowhere.
        language_model_sizes: How many pairs of a language model's task.
    """

    places: tuple[Place, ...] | None
    sizes: Sizes
    learned: Literal["", "few", "all"] = ""
    language_model_sizes: Sizes = LANGUAGE_MODEL_SIZES

    def chosen(self) -> list[Place]:
        """List the variables, with their models and sites."""
        if self.places is not None:
            return list(self.places)
        small = sorted(item["name"] for item in summaries() if item["edges"] <= MAX_EDGES)
        return [place for name in small for place in _telling_places(name, find_model(name))]


VARIABLE_PROFILES: Mapping[str, Profile] = {
    p.name: p
    for p in (
        Profile(
            "smoke",
            "one variable, a few methods, to see that all works",
            VariableChoice((("second_step", "step", "residual.1.mid"),), Sizes(150, 50, 150)),
            methods=("das", "linear-probe", "pca"),
            parameters=PARAMETERS,
            seeds=3,
        ),
        Profile(
            "default",
            "three variables of three models, one of them at two layers, and the learned model's; three seeds",
            VariableChoice(
                (
                    ("reverse", "opposite", "residual.2.post"),
                    ("hist_no_bos", "marked", "residual.0.post"),
                    ("sort_descending", "tokens", "residual.1.post"),
                    ("sort_descending", "tokens", "residual.2.post"),
                ),
                Sizes(300, 100, 300),
                learned="few",
            ),
            parameters=PARAMETERS,
            seeds=3,
            too_slow=("das-search", "dbm-sae-top-k", "dbm-sae-batch-top-k"),
            left_out=("dbm-sae-top-afa", "observable-propagation", "vocabulary-projection"),
        ),
        Profile(
            "full",
            "two variables of every model of up to 150 edges, and the learned model's behind every block, published "
            "hyper-parameters; five seeds",
            VariableChoice(None, Sizes(1000, 300, 1000), "all", Sizes(600, 200, 200)),
            seeds=5,
        ),
    )
}


def variable_subjects(profile: Profile, request: Request) -> list[Subject]:
    """List the variables of a request at their sites: those of compiled models first, then of language models.

    Raises:
        DomainError: If there is no such variable, or a language model has no task.
        TaskError: If a task, variable or site of a language model is unknown.
    """
    choice: VariableChoice = profile.choice
    compiled, language_models, few = _split_places(choice, request.named, request.tasks)
    sizes = request.pairs or choice.sizes
    language_model_sizes = request.pairs or choice.language_model_sizes
    return [Subject(model, VariableSetting(variable, site, sizes)) for model, variable, site in compiled] + [
        Subject(model, VariableSetting(variable, site, language_model_sizes, not few), task, quick=few)
        for model, task, variable, site in language_models
    ]


def places_of(name: str) -> list[Place]:
    """Find what a user names: ``reverse:opposite@residual.2.post``, or a model, of which the most telling are taken.

    Raises:
        DomainError: If there is no such variable, no site is named, or there is nothing to seek in the model.
        GroundTruthError: If there is no such model or site.
    """
    model, _, place = name.rpartition(":")
    variable, at, site = place.rpartition("@")
    if not at and model and stored(model) is not None:
        raise DomainError(
            f"'{name}' names no site: write {name}@residual.0.post, or another place where the variable is live "
            f"(groundtruth show {model} --variables)."
        )
    if not model or not at or not variable:
        known = find_model(name)
        if not (found := _telling_places(name, known)):
            trained = isinstance(known, TrainedModel)
            lacks = "has a span and changes an output" if trained else "is read beside another one"
            raise DomainError(
                f"'{name}' has no residual stream where a variable {lacks}. Name one, such as "
                f"{name}:VARIABLE@residual.0.post (groundtruth show {name} --variables)."
            )
        return found
    where = task_site(site)
    find_model(model).variable_at(variable, Site.of(where))
    return [(model, variable, str(where))]


def _telling_places(name: str, model: KnownModel) -> list[Place]:
    """The most telling variables of a model; none where there is nothing to seek."""
    return [(name, variable, site) for variable, site in informative(model)[:N_PLACES]]


def _places_in(name: str) -> list[Place]:
    """Return what a user names; of many models, such as a suite's, those in which there is something to seek.

    Raises:
        DomainError: As ``places_of``, or if there is nothing to seek in any of them.
    """
    models = models_in([name])
    if models == [name]:
        return places_of(name)
    found = [place for one in models for place in _telling_places(one, find_model(one))]
    if not found:
        raise DomainError(f"none of the {len(models)} models of '{name}' has a variable that is worth seeking.")
    return found


def _split_places(
    chosen: VariableChoice, models: Sequence[str], tasks: Sequence[str] | None
) -> tuple[list[Place], list[LanguageModelPlace], bool]:
    """Find places of compiled models, of language models, and whether these are the few of the profile alone."""
    compiled: list[Place] = []
    # A set that keeps its order: a place that is named twice runs once.
    language_models: dict[LanguageModelPlace, None] = {}
    named = False
    for name in models:
        if name == "default":
            compiled += chosen.chosen()
            if chosen.learned or tasks:
                language_models |= dict.fromkeys(
                    language_model_places(learned.NAME, tasks, few=chosen.learned != "all")
                )
        elif names_language_model(name):
            named = True
            language_models |= dict.fromkeys(language_model_places(name, tasks))
        else:
            compiled += _places_in(name)
    if tasks and not language_models:
        raise DomainError(
            f"--task {','.join(tasks)} is for language models, and there is none among {', '.join(models)}. Name one, "
            f"such as --models {learned.NAME}."
        )
    return list(dict.fromkeys(compiled)), list(language_models), chosen.learned == "few" and not named
