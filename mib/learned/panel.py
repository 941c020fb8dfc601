"""The panel: small learned models of two architectures and several seeds, each trained in minutes on a core.

One learned model is one noisy yardstick; how methods rank on all of a panel is a better one. Members are trained on
few tasks, so that they are small; ``python -m mib.learned.build NAME`` trains one again. Those that write sums or
differences digit by digit are there for the track of variables: at sites of theirs two variables live that the answer
tells apart.
"""

from collections.abc import Mapping
from typing import Any

from mib.learned.recipe import Architecture, Recipe

PREFIX = "learned-"
"""Begins the name of every member."""

WORDS: Mapping[str, Any] = {"steps": 1600, "mixtures": {0: {"ioi": 32, "greater-than": 8}}, "n_drawn": 3000}
"""What members are trained on that answer with a word."""

DIGITS: Mapping[str, Any] = {
    "n_positions": 16,
    "steps": 1600,
    "mixtures": {0: {"digits-ones": 32, "digits-tens": 128, "digits-hundreds": 32}},
    "n_drawn": 10_000,
}
"""What members are trained on that write sums digit by digit; their tens, which wait for a carry, are the hardest."""

SUBTRACTION: Mapping[str, Any] = {
    **DIGITS,
    "mixtures": {0: {"digits-subtraction-ones": 32, "digits-subtraction-tens": 128}},
}
"""What members are trained on that write differences: as those of sums, but that no difference has hundreds."""


def _member(architecture: Architecture, n_layers: int, seed: int, practice: Mapping[str, Any]) -> Recipe:
    return Recipe(
        architecture=architecture,
        n_kv_heads=2 if architecture == "llama" else None,
        n_layers=n_layers,
        d_model=64,
        peaks={0: 4e-3},
        parts={0: ("train",)},
        left_out={0: {}},
        drills={0: 0},
        seed=seed,
        **practice,
    )


_SHAPES: tuple[tuple[Architecture, int, int], ...] = (
    ("gpt2", 2, 1),
    ("gpt2", 3, 2),
    ("gpt2", 4, 3),
    ("llama", 2, 1),
    ("llama", 3, 2),
    ("llama", 4, 3),
)

_DIGIT_SHAPES: tuple[tuple[Architecture, int, int], ...] = (
    ("gpt2", 1, 1),
    ("gpt2", 2, 2),
    ("gpt2", 1, 3),
    ("gpt2", 2, 4),
    ("llama", 1, 1),
    ("llama", 2, 2),
    ("llama", 1, 3),
    ("llama", 2, 4),
)

_SUBTRACTION_SHAPES = tuple(shape for shape in _DIGIT_SHAPES if shape[2] <= 2)

PANEL: Mapping[str, Recipe] = {
    **{f"{PREFIX}{shape[0]}-{shape[2]}": _member(*shape, WORDS) for shape in _SHAPES},
    **{f"{PREFIX}digits-{shape[0]}-{shape[2]}": _member(*shape, DIGITS) for shape in _DIGIT_SHAPES},
    **{f"{PREFIX}subtraction-{shape[0]}-{shape[2]}": _member(*shape, SUBTRACTION) for shape in _SUBTRACTION_SHAPES},
}
"""Recipes of all members, by name: what they write where it is no word, the architecture and the seed."""
