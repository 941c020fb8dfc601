"""How MIB's causal-variable track sets its tasks up: counterfactuals, positions, heads.

Source: the task files and baselines of the track, https://arxiv.org/abs/2504.13151.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from mib.errors import TaskError
from mib.leaderboard.formats import Unit
from mib.tasks import ioi_linear


@dataclass(frozen=True)
class Protocol:
    """How the track sets a task up.

    Attributes:
        name: Name of the task in the track.
        families: Families of counterfactuals, pooled.
        positions: Positions of the residual streams read, by the track's names; empty where heads are read instead.
    """

    name: str
    families: tuple[str, ...]
    positions: tuple[str, ...]


_CHOICES = ("answerPosition", "randomLetter", "answerPosition_randomLetter")

PROTOCOLS: Mapping[str, Protocol] = {
    "ioi": Protocol("ioi_task", ioi_linear.FAMILIES, ()),
    "mcqa": Protocol("4_answer_MCQA", _CHOICES, ("correct_symbol", "last_token")),
    "arc-easy": Protocol("ARC_easy", _CHOICES, ("correct_symbol", "last_token")),
    "arithmetic-addition": Protocol("arithmetic", ("random", "ones_carry"), ("op2_last", "last")),
    "ravel": Protocol("ravel_task", ("attribute", "wikipedia"), ("entity_last_token", "last_token")),
}

EVERYWHERE = "all"
"""The track's name for heads, which are swapped at every position."""


@dataclass(frozen=True)
class Places:
    """Where featurizers are sought.

    Attributes:
        layers: Blocks whose residual streams are read; None for all.
        heads: (layer, head) for IOI; None for GPT-2's S-inhibition heads.
    """

    layers: tuple[int, ...] | None = None
    heads: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def parse(cls, layers: Sequence[str] | None, heads: Sequence[str] | None) -> Self:
        """From words.

        Args:
            layers: Numbers, such as ``8``.
            heads: Layer and head, such as ``7.3``.

        Raises:
            TaskError: If a word is neither.
        """
        return cls(
            None if layers is None else tuple(layer for (layer,) in _numbers(layers, "layers", "8")),
            None if heads is None else tuple((layer, head) for layer, head in _numbers(heads, "heads", "7.3")),
        )

    def units(self, task: str, model: str, n_layers: int) -> list[Unit]:
        """The units of a cell, as MIB names them.

        Raises:
            TaskError: If it reads heads, and none are known.
        """
        protocol = PROTOCOLS[task]
        if protocol.positions:
            layers = range(n_layers) if self.layers is None else self.layers
            return [Unit("ResidualStream", layer, token) for layer in layers for token in protocol.positions]
        return [Unit("AttentionHead", layer, EVERYWHERE, head) for layer, head in self.heads_of(model)]

    def heads_of(self, model: str) -> tuple[tuple[int, int], ...]:
        """The heads for IOI.

        Raises:
            TaskError: If none are known.
        """
        if self.heads is None and model != "gpt2":
            raise TaskError(f"which heads of {model} to read for ioi is not known: name them, such as 4.5,12.0.")
        return ioi_linear.GPT2_HEADS if self.heads is None else self.heads


def _numbers(texts: Sequence[str], name: str, example: str) -> list[list[int]]:
    """Numbers joined by dots, as many as in the example.

    Raises:
        TaskError: If a text is something else.
    """
    found = list[list[int]]()
    for text in texts:
        parts = text.split(".")
        if len(parts) != len(example.split(".")) or not all(part.isdecimal() for part in parts):
            raise TaskError(f"{name} names '{text}'; write them as {example}, separated by commas.")
        found.append([*map(int, parts)])
    return found
