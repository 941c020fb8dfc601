"""What a benchmark runs unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from groundtruth.bench.cells import Cell, dtype_of
from groundtruth.devices import pick_device
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.language_model_circuits import N_LANGUAGE_MODEL_PAIRS
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.language_models import is_language_model, tasks_of
from groundtruth.evaluation.prompts import MADE_UP, Prompts
from groundtruth.specs import models_in
from groundtruth.store.catalog import shipped, summaries
from groundtruth.truth.circuits.circuit import require_ablation
from mib import localization
from mib.errors import did_you_mean
from mib.learned import NAME as LEARNED
from mib.localization.registry import Localizer
from mib.localization.task import Level


@dataclass(frozen=True)
class Profile:
    """A choice of models, methods and ablations.

    Attributes:
        name: What it is called.
        description: One line.
        ablations: What flows along cut edges.
        max_edges: Larger shipped models are left out; ``None`` for no limit.
        n_models: How many of the shipped models; ``None`` for all.
        n_pairs: How many examples a task has, at most.
        max_sizes: How many circuit sizes CPR and CMD are measured at, at most.
        methods: Which of the registered methods; ``None`` for all of the level.
        tasks: What the learned model is scored on; with none it is left out.
        n_language_model_pairs: How many pairs a task on a real model has.
        too_slow: Methods that are not run on a real model unless they are asked for.
    """

    name: str
    description: str
    ablations: tuple[str, ...]
    max_edges: int | None
    n_models: int | None
    n_pairs: int
    max_sizes: int
    methods: tuple[str, ...] | None = None
    tasks: tuple[str, ...] = ()
    n_language_model_pairs: int = N_LANGUAGE_MODEL_PAIRS
    too_slow: tuple[str, ...] = ()

    def models(self) -> list[str]:
        """The names of the models, sorted."""
        if self.max_edges is None and self.n_models is None:
            return shipped()
        small = [s for s in summaries() if self.max_edges is None or s["edges"] <= self.max_edges]
        return sorted(s["name"] for s in (small if self.n_models is None else _spread(small, self.n_models)))


def _spread(models: Sequence[Mapping[str, Any]], n: int) -> list[Mapping[str, Any]]:
    """So many models, as many of each family as there are, and of each family small and large ones."""
    families: dict[str, list[Mapping[str, Any]]] = {}
    for model in sorted(models, key=lambda model: (model["edges"], model["name"])):
        families.setdefault(model["family"], []).append(model)
    chosen: list[Mapping[str, Any]] = []
    for index, name in enumerate(sorted(families)):
        members = families[name]
        share = min(len(members), round((n - len(chosen)) / (len(families) - index)))
        chosen += [members[(2 * i + 1) * len(members) // (2 * share)] for i in range(share)]
    return chosen


PROFILES: Mapping[str, Profile] = {
    p.name: p
    for p in (
        Profile("smoke", "a few small models, to see that all works", ("resample",), 62, 7, 64, 17),
        Profile(
            "default",
            "three models of each family, of up to 150 edges, and the learned one",
            ("resample",),
            150,
            21,
            128,
            33,
            tasks=("ioi", "mcqa", "arithmetic-addition"),
            n_language_model_pairs=16,
            too_slow=("acdc", "cpr-gaming"),
        ),
        Profile(
            "full",
            "every model under every ablation, at up to 129 sizes, and the learned one on all its tasks",
            ("resample", "zero", "mean", "mean-positional"),
            None,
            None,
            256,
            129,
            tasks=("ioi", "mcqa", "arithmetic-addition", "arithmetic-subtraction", "greater-than"),
        ),
    )
}


def profile(name: str) -> Profile:
    """The profile of a name.

    Raises:
        DomainError: If there is none.
    """
    if name not in PROFILES:
        raise DomainError(f"unknown profile '{name}'.{did_you_mean(name, PROFILES)} Choose from {', '.join(PROFILES)}.")
    return PROFILES[name]


def methods_of(level: Level) -> list[str]:
    """The oracle, then the registered methods that score a level."""
    known = [name for name in localization.names() if level in localization.get(name).levels]
    return ([] if level == "neuron" else [ORACLE]) + known


def baselines(level: Level) -> list[str]:
    """The methods beside which one's own is shown: the oracle, chance, and the usual gradient and exact ones."""
    usual = ("random", "eap", "eap-ig-inputs", "exact") if level == "edge" else ()
    known = methods_of(level)
    return [name for name in known if name == ORACLE or not usual or name in usual]


def check_methods(methods: Sequence[str], level: Level) -> list[Localizer]:
    """The registered ones of some methods; the oracle is known, and files are checked when they are loaded.

    Raises:
        MethodError: If a name is unknown.
    """
    return [localization.get(name) for name in methods if name != ORACLE and ".py" not in name]


def cells_of(
    chosen: Profile,
    *,
    models: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    ablations: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    level: Level = "edge",
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    prompts: Prompts = MADE_UP,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Cell]:
    """The cells of a profile, all methods of one evaluator beside each other.

    Args:
        chosen: The profile.
        models: Instead of its models; ``default`` stands for these. Language models among them: ``learned``, which
            ships, ``gpt2`` and its like, an id on the hub, a folder with a checkpoint.
        methods: Instead of its methods; names, or ``my_file.py:my_method``.
        ablations: Instead of its ablations.
        tasks: What language models are scored on, each ``task`` or ``task:family``; of ``learned`` by default all
            that it can do.
        level: What is scored.
        seed: Of examples and methods.
        device: Where to run.
        dtype: Of the models that methods see.
        prompts: Where the examples of language models come from, and how they are read.
        parameters: By method: hyper-parameters that are not the default.

    Raises:
        DomainError: If an ablation or dtype is unknown, the device is not here, or a language model has no task.
        MethodError: If a method is unknown.
        TaskError: If a task is unknown.
    """
    names = list(methods if methods is not None else chosen.methods or methods_of(level))
    check_methods(names, level)
    pick_device(device)
    dtype_of(dtype)
    kinds = [require_ablation(name) for name in (ablations or chosen.ablations)]
    compiled, real = _told_apart(chosen, models or ["default"], tasks)
    settings: dict[str, Any] = {"level": level, "seed": seed, "max_sizes": chosen.max_sizes, "device": device}
    settings["dtype"] = dtype
    own = {method: tuple(sorted(values.items())) for method, values in (parameters or {}).items()}
    prompts.check(models or ["default"], has_language_model=bool(real))
    return [
        Cell(method, model, ablation, n_pairs=chosen.n_pairs, parameters=own.get(method, ()), **settings)
        for ablation, model, method in product(kinds, compiled, names)
    ] + [
        Cell(
            method,
            model,
            ablation,
            n_pairs=chosen.n_language_model_pairs,
            parameters=own.get(method, ()),
            task=task,
            prompts=prompts,
            **settings,
        )  # fmt: skip
        for ablation, (model, task), method in product(kinds, real, names)
        if method != ORACLE  # it is given a truth that nobody has
        and (methods is not None or method not in chosen.too_slow)
    ]


def _told_apart(
    chosen: Profile, models: Sequence[str], tasks: Sequence[str] | None
) -> tuple[list[str], list[tuple[str, str]]]:
    """Compiled models; and language models, each with a task."""
    compiled: list[str] = []
    real: dict[tuple[str, str], None] = {}
    for name in models:
        if name == "default":
            compiled += chosen.models()
            real |= {(LEARNED, task): None for task in (tasks_of(LEARNED, tasks) if tasks else chosen.tasks)}
        elif is_language_model(name):
            real |= {(name, task): None for task in tasks_of(name, tasks)}
        else:
            compiled += models_in([name])
    if tasks and not real:
        gone = [name for name in models if name.startswith((".", "/", "~")) and not Path(name).expanduser().exists()]
        if gone:
            raise DomainError(f"no folder '{gone[0]}'. Give the folder that holds config.json and model.safetensors.")
        raise DomainError(
            f"--task {','.join(tasks)} is for language models, and there is none among {', '.join(models)}. Name one, "
            f"such as --models {LEARNED}."
        )
    return compiled, list(real)
