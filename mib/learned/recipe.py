"""How the learned model is trained: every number that its weights depend on."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from mib.errors import TaskError
from mib.tasks.data_parts import Part

Mixture = Mapping[str, int]
"""Prompts of each task in a batch."""

Families = Mapping[str, tuple[str, ...]]
"""Families of counterfactuals of each task."""

Architecture = Literal["gpt2", "llama"]
"""``gpt2``: LayerNorm, GELU, learned positions. ``llama``: RMSNorm, gated MLP, rotary positions, grouped queries."""


class Stage(NamedTuple):
    """What prompts are drawn from during some updates.

    Attributes:
        tasks: Names of tasks.
        parts: Parts of their data.
        left_out: Families of counterfactuals that are not drawn.
    """

    tasks: tuple[str, ...]
    parts: tuple[Part, ...]
    left_out: Families


def _mixtures() -> Mapping[int, Mixture]:
    """First multiple choice, while drills help with it; then arithmetic, which is slow, gets ever more of the room."""
    return {
        0: {"arithmetic-addition": 96, "arithmetic-subtraction": 48, "ioi": 16, "mcqa": 64, "greater-than": 8},
        1200: {"arithmetic-addition": 160, "arithmetic-subtraction": 80, "ioi": 8, "mcqa": 24, "greater-than": 4},
        7000: {"arithmetic-addition": 256, "arithmetic-subtraction": 96, "ioi": 8, "mcqa": 16, "greater-than": 4},
    }


def _peaks() -> Mapping[int, float]:
    return {0: 3e-3, 7000: 5e-4}


def _parts() -> Mapping[int, tuple[Part, ...]]:
    """Once nothing is left to be chosen by it, the validation part is trained on too. The test part never is."""
    return {0: ("train",), 7000: ("train", "validation")}


def _left_out() -> Mapping[int, Families]:
    """Multiple choice begins with four letters that are always the same."""
    return {0: {"mcqa": ("symbol", "randomLetter", "answerPosition_randomLetter")}, 500: {}}


def _drills() -> Mapping[int, int]:
    return {0: 32, 1200: 0}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A small language model, and its training with AdamW.

    Attributes:
        architecture: Architecture of the transformer.
        n_kv_heads: Heads of keys and values a layer of a Llama; ``None``: as many as heads.
        n_layers: Layers.
        n_heads: Heads a layer.
        d_model: Width of the residual stream.
        n_positions: Longest input, in tokens.
        steps: Updates.
        warmup: Updates until the first learning rate is reached.
        peaks: The learning rate from an update on, from where it falls to 0 at the next one, or at the end.
        weight_decay: Weight decay of matrices; biases and layer norms have none.
        parts: Parts of the data that are trained on from an update on.
        beta_2: Second beta of AdamW.
        clip: Largest norm of a gradient.
        mixtures: The mixture of tasks from an update on, until the next one.
        left_out: Families of counterfactuals, by task, that are not trained on from an update on.
        drills: Sequences of each kind of drill in a batch from an update on.
        attention_scale: Scale of the initial queries, keys and values, relative to GPT-2's: at a width of 128 its
            own are so small that every attention starts out uniform.
        n_drawn: Base prompts of each task that training draws from.
        seed: Seed of the weights, the prompts and the batches.
    """

    architecture: Architecture = "gpt2"
    n_kv_heads: int | None = None
    n_layers: int = 3
    n_heads: int = 4
    d_model: int = 128
    n_positions: int = 48
    steps: int = 10_000
    warmup: int = 100
    peaks: Mapping[int, float] = field(default_factory=_peaks)
    weight_decay: float = 0.1
    parts: Mapping[int, tuple[Part, ...]] = field(default_factory=_parts)
    beta_2: float = 0.98
    clip: float = 1.0
    mixtures: Mapping[int, Mixture] = field(default_factory=_mixtures)
    left_out: Mapping[int, Families] = field(default_factory=_left_out)
    drills: Mapping[int, int] = field(default_factory=_drills)
    attention_scale: float = 4.0
    n_drawn: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.d_model % self.n_heads:
            raise TaskError(f"d_model={self.d_model} is no multiple of n_heads={self.n_heads}.")
        if self.architecture not in get_args(Architecture):
            raise TaskError(
                f"architecture='{self.architecture}' is unknown. Choose from {', '.join(get_args(Architecture))}."
            )
        if self.n_kv_heads is not None and (self.architecture != "llama" or self.n_heads % max(1, self.n_kv_heads)):
            raise TaskError(
                f"n_kv_heads={self.n_kv_heads} with architecture='{self.architecture}', n_heads={self.n_heads}: "
                "give a divisor of n_heads, to a llama."
            )
        if self.steps < 1 or not self.mixtures or any(n < 1 for m in self.mixtures.values() for n in m.values()):
            raise TaskError(f"steps={self.steps}, mixtures={dict(self.mixtures)}: give at least one of each.")
        for name in ("mixtures", "peaks", "parts", "left_out", "drills"):
            if 0 not in getattr(self, name):
                raise TaskError(f"{name}={dict(getattr(self, name))}: one has to begin at update 0.")
        if any(self.drills.values()) and "mcqa" not in self.tasks:
            raise TaskError(f"drills={dict(self.drills)} use the letters of 'mcqa', which is not in mixtures. Add it.")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of all tasks that are trained on at some time."""
        return tuple(dict.fromkeys(name for mixture in self.mixtures.values() for name in mixture))

    def mixture(self, step: int) -> Mixture:
        """Prompts of each task in the batch of an update."""
        return self.mixtures[_last(self.mixtures, step)]

    def stage(self, step: int) -> Stage:
        """Give what an update draws its prompts from."""
        parts, left_out = self.parts[_last(self.parts, step)], self.left_out[_last(self.left_out, step)]
        return Stage(tuple(self.mixture(step)), parts, left_out)

    def n_drills(self, step: int) -> int:
        """Sequences of each kind of drill in the batch of an update."""
        return self.drills[_last(self.drills, step)]

    def rate(self, step: int) -> float:
        """The learning rate of an update: a cosine from each peak to 0, with warm restarts.

        Source: Loshchilov & Hutter (2017), https://arxiv.org/abs/1608.03983.
        """
        start = _last(self.peaks, step)
        end = min((peak for peak in self.peaks if peak > step), default=self.steps)
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.peaks[start] * (warm * 0.5 * (1 + math.cos(math.pi * (step - start) / (end - start))))


def _last(starts: Iterable[int], step: int) -> int:
    """Take the last of what begins at some updates that has begun."""
    return max(start for start in starts if start <= step)
