"""Which variables the variable track seeks, where, and with how many pairs, unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

WITH_HEADROOM: tuple[LanguageModelPlace, ...] = (
    ("learned-digits-gpt2-3", "digits-tens:random", "ones_carry", "residual.0.mid@last"),
    ("learned-digits-llama-2", "digits-tens:random", "ones_carry", "residual.1.mid@last"),
    ("learned-subtraction-gpt2-1", "digits-subtraction-tens:random", "ones_borrow", "residual.0.mid@last"),
)
"""One place of each architecture and operation where swapping everything does little and a good method much.

Of the places in ``groundtruth/validity/headroom.json`` those where the two differ most; the first where several tie.
"""


@dataclass(frozen=True)
class VariableChoice:
    """A choice of variables and pairs.

    Attributes:
        places: Models, variables and sites; ``None``: those that tell most of every model of up to 150 edges.
        sizes: How many pairs.
        language_models: Places of language models that are scored too, without controls.
        learned: True if the learned model is scored at all its places as well, with controls.
        language_model_sizes: How many pairs of a language model's task.
    """

    places: tuple[Place, ...] | None
    sizes: Sizes
    language_models: tuple[LanguageModelPlace, ...] = ()
    learned: bool = False
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
            "variables on the tiers that predict ranks on language models, and three of small learned models",
            VariableChoice(
                (
                    ("reverse_if_marked@soft", "is_x", "residual.0.post"),
                    ("hist_no_bos@soft", "is_first", "residual.0.post"),
                    ("surplus@soft", "n_b", "residual.0.post"),
                    ("induction", "wanted", "residual.2.mid"),
                    ("rotate_by_first", "origin", "residual.2.mid"),
                    ("reverse_if_marked", "has_x", "residual.2.mid"),
                    ("add_carry@free-0", "carry", "residual.0.mid"),
                    ("catch_up@wired-0", "behind", "residual.1.mid"),
                    ("mark_if_one_kind@free-0", "has_a", "residual.0.mid"),
                    ("next_cell@free-0", "odd_neighbours", "residual.0.mid"),
                    ("reverse_if_double@free-0", "double", "residual.0.mid"),
                    ("second_step@free-0", "previous", "residual.0.mid"),
                    ("shift_by_ends@free-0", "key", "residual.0.mid"),
                    ("waiting_pair@free-0", "has_a", "residual.0.mid"),
                    ("waiting_pair_so_far@wired-0", "share_x", "residual.0.mid"),
                ),
                Sizes(300, 100, 300),
                WITH_HEADROOM,
            ),
            parameters=PARAMETERS,
            left_out=(
                "das-search",
                "dbm-sae-top-k",
                "dbm-sae-batch-top-k",
                "dbm-sae-top-afa",
                "observable-propagation",
                "vocabulary-projection",
            ),
        ),
        Profile(
            "full",
            "two variables of every model of up to 150 edges, the learned model's behind every block, and those of the "
            "default's learned models; published hyper-parameters; five seeds",
            VariableChoice(None, Sizes(1000, 300, 1000), WITH_HEADROOM, True, Sizes(600, 200, 200)),
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
    compiled, language_models = _split_places(choice, request.named, request.tasks)
    sizes = request.pairs or choice.sizes
    language_model_sizes = request.pairs or choice.language_model_sizes
    return [Subject(model, VariableSetting(variable, site, sizes)) for model, variable, site in compiled] + [
        Subject(model, VariableSetting(variable, site, language_model_sizes, controls), task)
        for (model, task, variable, site), controls in language_models.items()
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
) -> tuple[list[Place], dict[LanguageModelPlace, bool]]:
    """Find places of compiled models, and those of language models with whether controls are run there."""
    compiled: list[Place] = []
    language_models: dict[LanguageModelPlace, bool] = {}
    for name in models:
        if name == "default":
            compiled += chosen.chosen()
            if tasks is None:
                language_models |= dict.fromkeys(chosen.language_models, False)
            if chosen.learned or tasks:
                language_models |= dict.fromkeys(language_model_places(learned.NAME, tasks), True)
        elif names_language_model(name):
            language_models |= dict.fromkeys(language_model_places(name, tasks), True)
        else:
            compiled += _places_in(name)
    if tasks and not language_models:
        raise DomainError(
            f"--task {','.join(tasks)} is for language models, and there is none among {', '.join(models)}. Name one, "
            f"such as --models {learned.NAME}."
        )
    return list(dict.fromkeys(compiled)), language_models
