"""What a user asks of a benchmark, and the profiles that say what is run unless told otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from groundtruth.errors import DomainError
from groundtruth.results.cell_settings import Setting, Sizes
from groundtruth.results.prompts import MADE_UP, Prompts
from mib.levels import Level

Parameters = Mapping[str, Mapping[str, Any]]
"""Hyper-parameters that are not the default, by method."""


@dataclass(frozen=True)
class Profile:
    """A choice of models, methods and sizes.

    Attributes:
        name: Its name.
        description: One line.
        choice: Models or places, and how much of each, in the terms of the track.
        methods: Registered methods to run; ``None`` for all.
        parameters: Hyper-parameters of methods.
        seeds: Number of seeds.
        too_slow: Methods that run on language models only when they are asked for.
        left_out: Methods that run only when they are asked for.
    """

    name: str
    description: str
    choice: Any
    methods: tuple[str, ...] | None = None
    parameters: Parameters = field(default_factory=dict[str, Mapping[str, Any]])
    seeds: int = 1
    too_slow: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a user asks for; ``None`` stands for the profile's own choice.

    Attributes:
        profile: Name of the profile.
        models: Names of models, in the variable track also ``model:variable@site``; ``default`` stands for the
            profile's own, on its tiers or those that are named. Language models among them: ``learned``, which ships,
            ``gpt2`` and its like, an id on the hub, a folder with a checkpoint.
        tasks: Tasks of language models, each ``task`` or ``task:family``; of ``learned`` by default all that it can do.
        tiers: Tiers of the profile's own models; ``raw`` as they were compiled. In the circuit track only.
        methods: Names, ``my_file.py:my_method``, or ``my_pkg.my_mod:my_method``.
        ablations: Kinds of ablation of cut edges.
        level: Parts that are scored.
        pairs: Number of pairs to learn from, to choose by and to score on. In the variable track only.
        seed: The first seed, of examples and methods.
        resamples: Number of draws of examples, each with the next seed; ``None``: as many as the profile says.
        device: Device to run on.
        dtype: Type of the numbers of the models that methods see; ``None``: see ``dtype_for``.
        prompts: Source of the examples of language models, and how they are read.
        parameters: Hyper-parameters that are not the profile's, by method.
        isolated: True to run methods that are not ours in processes that never hold the truth.
    """

    profile: str = "default"
    models: Sequence[str] | None = None
    tasks: Sequence[str] | None = None
    tiers: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    ablations: Sequence[str] | None = None
    level: Level = "edge"
    pairs: Sizes | None = None
    seed: int = 0
    resamples: int | None = None
    device: str = "cpu"
    dtype: str | None = None
    prompts: Prompts = MADE_UP
    parameters: Parameters = field(default_factory=dict[str, Mapping[str, Any]])
    isolated: bool = False

    def dtype_for(self, subject: "Subject") -> str:
        """Choose the dtype for a subject: the one asked for, else float64 for compiled models on the CPU.

        In float32 residues of rounding reach 3e-4 of the largest score on compiled models, enough for a perfect ranking
        that is none. Language models are large, and accelerators slow or unable in float64.
        """
        return self.dtype or ("float64" if self.device == "cpu" and not subject.task else "float32")

    @property
    def named(self) -> Sequence[str]:
        """The models that are named, or ``default`` alone."""
        return self.models or ["default"]


@dataclass(frozen=True)
class Subject:
    """A model in a setting, on which all methods and seeds are run.

    Attributes:
        model: Its name.
        setting: Setting of the cells there.
        task: Task of a language model; empty for a compiled one.
    """

    model: str
    setting: Setting
    task: str = ""


def dtype_of(name: str) -> torch.dtype:
    """Find the dtype of a name such as ``float32``.

    Raises:
        DomainError: If it is no floating-point dtype.
    """
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise DomainError(f"dtype='{name}' is none of a model. Choose from float32, float64, bfloat16, float16.")
    return found
