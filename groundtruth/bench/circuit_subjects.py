"""Which models the circuit track runs, and how much of each, unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from groundtruth.bench.request import Profile, Request, Subject
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.language_model_circuits import N_LANGUAGE_MODEL_PAIRS
from groundtruth.evaluation.language_models import is_language_model, tasks_of
from groundtruth.results.cell_settings import CircuitSetting
from groundtruth.results.model_tiers import models_on, require_tiers
from groundtruth.specs import models_in
from groundtruth.store.catalog import TRAINED, shipped
from groundtruth.store.summaries import summaries
from groundtruth.truth.circuits.circuit import require_ablation
from groundtruth.variants.tiers import RAW
from mib.learned import NAME as LEARNED

TRAINED_BY_DEFAULT = (
    "contains_both@free-0",
    "contains_either@free-1",
    "contains_x@wired-llama-0",
    "contains_x_by_vote@wired-0",
    "has_larger@wired-0",
    "hist@free-0",
    "second_step@free-0",
    "waiting_pair@free-0",
    "waiting_pair_so_far@wired-0",
)
"""The trained models of a profile, one of each of nine programs; ``--tier trained`` takes all that ship.

They are named, so that the default neither takes longer nor gives other numbers when more models ship."""

_EDGE_PRUNING = {"steps": 6000, "learning_rate": 0.03, "multiplier_rate": 0.001}
"""Bhaskar et al. 2024, arXiv 2406.16778, on Tracr's models."""

PUBLISHED_LENGTHS: Mapping[str, Mapping[str, Any]] = {
    "edge-pruning": _EDGE_PRUNING,
    "ensemble-hybrid": {"steps": 6000},
    "ensemble-sequential": _EDGE_PRUNING,
    "subnetwork-probing": {"steps": 3000, "learning_rate": 0.001},
    "ugs": {"steps": 3000, "learning_rate": 0.01},
}
"""Steps for which masks were trained where they were published: Edge Pruning, alone and in ensembles, as above;
subnetwork probing as ACDC runs it (Conmy et al. 2023); UGS as in the code of Li and Janson 2024
(edge_pruning_unif.py)."""


@dataclass(frozen=True, kw_only=True)
class CircuitChoice:
    """A choice of models and ablations.

    Attributes:
        ablations: Kinds of ablation of cut edges.
        max_edges: Larger raw models are left out; ``None`` for no limit.
        n_models: Number of raw models; ``None`` for all.
        n_pairs: Number of examples that a task has, at most.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most.
        tasks: Tasks of the learned model; with none it is left out.
        n_language_model_pairs: Number of pairs that a task on a language model has.
        tiers: Tiers, which say how hard the models are made.
        bases: Models whose variants are taken; all if none is named.
    """

    ablations: tuple[str, ...]
    max_edges: int | None
    n_models: int | None
    n_pairs: int
    max_sizes: int
    tasks: tuple[str, ...] = ()
    n_language_model_pairs: int = N_LANGUAGE_MODEL_PAIRS
    tiers: tuple[str, ...] = (RAW,)
    bases: tuple[str, ...] = ()

    def models(self, tiers: Sequence[str] | None = None) -> list[str]:
        """Name the models, tier by tier and sorted; of trained ones ``TRAINED_BY_DEFAULT``.

        Args:
            tiers: All that ship on these instead.

        Raises:
            DomainError: If there is no such tier, or nothing ships on it.
        """
        if tiers is None:
            return [name for tier in self.tiers for name in self._own(tier)]
        return [name for tier in require_tiers(tiers) for name in (self._raw() if tier == RAW else models_on(tier))]

    def _own(self, tier: str) -> list[str]:
        if tier == RAW:
            return self._raw()
        return models_on(tier, self.bases) if tier != TRAINED else list(TRAINED_BY_DEFAULT)

    def _raw(self) -> list[str]:
        if self.max_edges is None and self.n_models is None:
            return shipped()
        small = [s for s in summaries() if self.max_edges is None or s["edges"] <= self.max_edges]
        return sorted(s["name"] for s in (small if self.n_models is None else _spread(small, self.n_models)))


def _spread(models: Sequence[Mapping[str, Any]], n: int) -> list[Mapping[str, Any]]:
    """Choose so many models, as many of each family as there are, and of each family small and large ones."""
    families: dict[str, list[Mapping[str, Any]]] = {}
    for model in sorted(models, key=lambda model: (model["edges"], model["name"])):
        families.setdefault(model["family"], []).append(model)
    chosen: list[Mapping[str, Any]] = []
    for index, name in enumerate(sorted(families)):
        members = families[name]
        # What is left, over the families that are left: a small family's spare places go to those after it.
        share = min(len(members), round((n - len(chosen)) / (len(families) - index)))
        # The middles of as many equal parts: neither the smallest alone nor the largest, which take longest.
        chosen += [members[(2 * i + 1) * len(members) // (2 * share)] for i in range(share)]
    return chosen


_SMOKE = CircuitChoice(ablations=("resample",), max_edges=62, n_models=7, n_pairs=64, max_sizes=17)

CIRCUIT_PROFILES: Mapping[str, Profile] = {
    p.name: p
    for p in (
        Profile("smoke", "a few small models, to see that all works", _SMOKE),
        Profile(
            "default",
            "three models on the tiers that mislead, nine trained ones, and the learned one",
            CircuitChoice(
                ablations=("resample",),
                max_edges=150,
                n_models=21,
                n_pairs=64,
                max_sizes=17,
                tasks=("ioi", "mcqa"),
                n_language_model_pairs=16,
                tiers=("distractors", "redundancy", "cancelling", "votes", TRAINED),
                bases=("hist", "contains_x", "follow_pointer_twice"),
            ),
            too_slow=("acdc", "eap-optimal", "edge-pruning", "optimal-ablation", "subnetwork-probing", "ugs"),
            left_out=("cpr-gaming", "ensemble-hybrid", "ensemble-sequential", "logit-lens"),
        ),
        Profile(
            "full",
            "every model under every ablation, at up to 129 sizes, masks trained for as long as published, and the "
            "learned one on all its tasks",
            CircuitChoice(
                ablations=("resample", "zero", "mean", "mean-positional"),
                max_edges=None,
                n_models=None,
                n_pairs=256,
                max_sizes=129,
                tasks=("ioi", "mcqa", "arithmetic-addition", "arithmetic-subtraction", "greater-than"),
            ),
            parameters=PUBLISHED_LENGTHS,
        ),
    )
}


def circuit_subjects(profile: Profile, request: Request) -> list[Subject]:
    """List the models of a request, each under every ablation: compiled ones first, then language models.

    Raises:
        DomainError: If an ablation is unknown, or a language model has no task.
        TaskError: If a task is unknown.
    """
    choice: CircuitChoice = profile.choice
    ablations = [require_ablation(name) for name in (request.ablations or choice.ablations)]
    compiled, language_models = _split_models(choice, request)
    common: dict[str, Any] = {"level": request.level, "max_sizes": choice.max_sizes}
    return [
        Subject(model, CircuitSetting(ablation, n_pairs=choice.n_pairs, **common))
        for ablation, model in product(ablations, compiled)
    ] + [
        Subject(model, CircuitSetting(ablation, n_pairs=choice.n_language_model_pairs, **common), task)
        for ablation, (model, task) in product(ablations, language_models)
    ]


def _split_models(chosen: CircuitChoice, request: Request) -> tuple[list[str], list[tuple[str, str]]]:
    """Split the models of a request into compiled ones, and language models with a task each."""
    models, tasks = request.named, request.tasks
    if request.tiers is not None and "default" not in models:
        first = require_tiers(request.tiers)[0]
        listed = "groundtruth models" if first == RAW else f"groundtruth models --tier {first}"
        raise DomainError(
            f"--tier {','.join(request.tiers)} chooses among the models that ship, and --models names others. "
            f"Give one of them, or name models of the tier: `{listed}` lists them."
        )
    compiled: list[str] = []
    language_models: dict[tuple[str, str], None] = {}
    for name in models:
        if name == "default":
            compiled += chosen.models(request.tiers)
            own = () if request.tiers is not None else chosen.tasks
            language_models |= {(LEARNED, task): None for task in (tasks_of(LEARNED, tasks) if tasks else own)}
        elif is_language_model(name):
            language_models |= {(name, task): None for task in tasks_of(name, tasks)}
        else:
            compiled += models_in([name])
    if tasks and not language_models:
        gone = [name for name in models if name.startswith((".", "/", "~")) and not Path(name).expanduser().exists()]
        if gone:
            raise DomainError(f"no folder '{gone[0]}'. Give the folder that holds config.json and model.safetensors.")
        raise DomainError(
            f"--task {','.join(tasks)} is for language models, and there is none among {', '.join(models)}. Name one, "
            f"such as --models {LEARNED}."
        )
    return compiled, list(language_models)
