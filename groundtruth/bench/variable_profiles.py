"""What the variable track runs unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from groundtruth.bench.cells import dtype_of
from groundtruth.bench.variable_cells import VariableCell
from groundtruth.devices import pick_device
from groundtruth.errors import DomainError
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.prompts import MADE_UP, Prompts
from groundtruth.evaluation.variables.featurization_tasks import Sizes
from groundtruth.evaluation.variables.informative_variables import informative
from groundtruth.evaluation.variables.language_model_sites import (
    LanguageModelPlace,
    language_model_places,
    names_language_model,
)
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.specs import find_model, is_file_spec, load_featurizer, models_in
from groundtruth.store.catalog import shipped, summaries
from groundtruth.truth.variables import Site
from mib import featurization, learned
from mib.errors import did_you_mean

Place = tuple[str, str, str]
"""Model, variable and site."""

BASELINES = (ORACLE, "no-op", "full-vector", "random-k")
"""Beside every table, whatever was asked for."""

COMPARED = ("das", "dbm", "linear-probe", "pca")
"""Beside one's own method, unless others are asked for."""

N_PLACES = 2
"""Variables and sites of each model of which only the name is given."""

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"rank": 8} for name in ("random-k", "pca", "svd")},
    **{name: {"rank": 8, "steps": 300} for name in ("das", "mdas")},
    **{name: {"steps": 150} for name in ("dbm", "dbm-sparse", "dbm-pca", "dbm-svd")},
    **{name: {"sae_steps": 250, "steps": 100} for name in ("dbm-sae", "dbm-sae-top-k", "dbm-sae-batch-top-k")},
    "das-search": {"max_rank": 8, "steps": 150, "restarts": 1},
    "boundless-das": {"steps": 200},
    "bijection-das": {"rank": 8, "blocks": 2, "steps": 200},
    "k-means": {"clusters": 4},
}
"""Hyper-parameters that are not the published ones: compiled models have 15 to 150 dimensions, not thousands."""


REAL_SIZES = Sizes(240, 80, 80)
"""Pairs of a language model's task."""


@dataclass(frozen=True)
class VariableProfile:
    """A choice of variables, seeds and pairs.

    Attributes:
        name: What it is called.
        description: One line.
        places: Models, variables and sites; ``None``: those that tell most of every model of up to 60 edges.
        seeds: How many.
        sizes: How many pairs.
        methods: Which of the registered methods; ``None`` for all.
        parameters: Hyper-parameters of methods.
        learned: Where the learned model is scored too: on a ``few`` places, one variable of each of MIB's tasks behind
            one block and without controls, on ``all`` of them, or nowhere.
        real_sizes: How many pairs of a language model's task.
        too_slow: Methods that run on the profile's own language model only when they are asked for.
    """

    name: str
    description: str
    places: tuple[Place, ...] | None
    seeds: int
    sizes: Sizes
    methods: tuple[str, ...] | None = None
    parameters: Mapping[str, Mapping[str, Any]] | None = None
    learned: Literal["", "few", "all"] = ""
    real_sizes: Sizes = REAL_SIZES
    too_slow: tuple[str, ...] = ()

    def chosen(self) -> list[Place]:
        """The variables, with their models and sites."""
        if self.places is not None:
            return list(self.places)
        small = sorted(item["name"] for item in summaries() if item["edges"] <= FULL_EDGES)
        return [place for name in small for place in places_of(name)]


FULL_EDGES = 150
"""The full profile has the shipped models of up to this many edges."""

VARIABLE_PROFILES: Mapping[str, VariableProfile] = {
    p.name: p
    for p in (
        VariableProfile(
            "smoke",
            "one variable, a few methods, to see that all works",
            (("second_step", "step", "residual.1.mid"),),
            3,
            Sizes(150, 50, 150),
            ("das", "linear-probe", "pca"),
            PARAMETERS,
        ),
        VariableProfile(
            "default",
            "three variables of three models, one of them at two layers, and the learned model's; three seeds",
            (
                ("reverse", "opposite", "residual.2.post"),
                ("hist_no_bos", "marked", "residual.0.post"),
                ("sort_descending", "tokens", "residual.1.post"),
                ("sort_descending", "tokens", "residual.2.post"),
            ),
            3,
            Sizes(300, 100, 300),
            None,
            PARAMETERS,
            learned="few",
            too_slow=("das-search", "dbm-sae-top-k", "dbm-sae-batch-top-k"),
        ),
        VariableProfile(
            "full",
            "two variables of every model of up to 150 edges, and the learned model's behind every block, published "
            "hyper-parameters; five seeds",
            None,
            5,
            Sizes(1000, 300, 1000),
            learned="all",
            real_sizes=Sizes(600, 200, 200),
        ),
    )
}


def variable_profile(name: str) -> VariableProfile:
    """The profile of a name.

    Raises:
        DomainError: If there is none.
    """
    if name not in VARIABLE_PROFILES:
        hint = did_you_mean(name, VARIABLE_PROFILES)
        raise DomainError(f"unknown profile '{name}'.{hint} Choose from {', '.join(VARIABLE_PROFILES)}.")
    return VARIABLE_PROFILES[name]


def places_of(name: str) -> list[Place]:
    """What a user names: ``reverse:opposite@residual.2.post``, or a model, of which the most telling are taken.

    Raises:
        DomainError: If there is no such variable, no site is named, or there is nothing to seek in the model.
        GroundTruthError: If there is no such model or site.
    """
    model, _, place = name.rpartition(":")
    variable, at, site = place.rpartition("@")
    if not at and model in shipped():
        raise DomainError(
            f"'{name}' names no site: write {name}@residual.0.post, or another place where the variable is live "
            f"(groundtruth show {model} --variables)."
        )
    if not model or not at or not variable:
        found = [(name, variable, site) for variable, site in informative(find_model(name))[:N_PLACES]]
        if not found:
            raise DomainError(
                f"'{name}' has no residual stream where a variable is read beside another one. Name one, such as "
                f"{name}:VARIABLE@residual.0.post (groundtruth show {name} --variables)."
            )
        return found
    where = task_site(site)
    find_model(model).variable(variable).at(Site.of(where))
    return [(model, variable, str(where))]


def variable_cells_of(
    chosen: VariableProfile,
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    prompts: Prompts = MADE_UP,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[VariableCell]:
    """The cells of a profile, all methods of one evaluator beside each other.

    Args:
        chosen: The profile.
        models: Instead of its variables: models, or ``model:variable@site``; ``default`` stands for the profile's.
            Language models among them: ``learned``, ``learned:variable@site@position``, a folder and so on.
        tasks: What language models are scored on, each ``task`` or ``task:family``; of ``learned`` by default all
            that it can do and that have a variable.
        methods: Instead of its methods; names, or ``my_file.py:my_method``.
        seed: The first of its seeds.
        device: Where to run.
        dtype: Of the models that methods see.
        prompts: Where the pairs of language models come from, and how they are read.
        parameters: By method: hyper-parameters that are not the profile's.

    Raises:
        DomainError: If a dtype or variable is unknown, or the device is not here.
        MethodError: If a method is unknown.
        TaskError: If a task, variable or site of a language model is unknown.
    """
    pick_device(device)
    dtype_of(dtype)
    wanted = methods if methods is not None else chosen.methods or featurization.names()
    names = list(dict.fromkeys([*BASELINES, *wanted]))
    for name in names:
        if is_file_spec(name):
            load_featurizer(name)
        elif name != ORACLE:
            featurization.get(name)
    compiled, real, few = _told_apart(chosen, models or ["default"], tasks)
    prompts.check(models or ["default"], has_language_model=bool(real))
    defaults, own = chosen.parameters or {}, parameters or {}
    settings = {name: tuple(sorted({**defaults.get(name, {}), **own.get(name, {})}.items())) for name in names}
    seeds = range(seed, seed + chosen.seeds)
    return [
        VariableCell(method, *place, one, chosen.sizes, True, device, dtype, settings[method])
        for place, one, method in product(compiled, seeds, names)
    ] + [
        VariableCell(
            method,
            model,
            variable,
            site,
            one,
            chosen.real_sizes,
            not few,
            device,
            dtype,
            settings[method],
            task,
            prompts,
        )
        for (model, task, variable, site), one, method in product(real, seeds, names)
        if method != ORACLE  # it is given a truth that nobody has
        and (methods is not None or not few or method not in chosen.too_slow)
    ]


def _told_apart(
    chosen: VariableProfile, models: Sequence[str], tasks: Sequence[str] | None
) -> tuple[list[Place], list[LanguageModelPlace], bool]:
    """Places of compiled models; of language models; and whether these are the few of the profile alone."""
    compiled: list[Place] = []
    real: dict[LanguageModelPlace, None] = {}
    named = False
    for name in models:
        if name == "default":
            compiled += chosen.chosen()
            if chosen.learned or tasks:
                real |= dict.fromkeys(language_model_places(learned.NAME, tasks, few=chosen.learned != "all"))
        elif names_language_model(name):
            named = True
            real |= dict.fromkeys(language_model_places(name, tasks))
        else:
            compiled += [place for one in models_in([name]) for place in places_of(one)]
    if tasks and not real:
        raise DomainError(
            f"--task {','.join(tasks)} is for language models, and there is none among {', '.join(models)}. Name one, "
            f"such as --models {learned.NAME}."
        )
    return list(dict.fromkeys(compiled)), list(real), chosen.learned == "few" and not named
