"""The panel: small learned models of two architectures and several seeds, each trained in minutes on a core.

One learned model is one noisy yardstick; how methods rank on all of a panel is a better one. Members are trained on
few tasks, so that they are small; ``python -m mib.learned.build NAME`` trains one again.
"""

from collections.abc import Mapping

from mib.learned.recipe import Architecture, Recipe

PREFIX = "learned-"
"""Begins the name of every member."""


def _member(architecture: Architecture, n_layers: int, seed: int) -> Recipe:
    return Recipe(
        architecture=architecture,
        n_kv_heads=2 if architecture == "llama" else None,
        n_layers=n_layers,
        d_model=64,
        steps=1600,
        peaks={0: 4e-3},
        mixtures={0: {"ioi": 32, "greater-than": 8}},
        parts={0: ("train",)},
        left_out={0: {}},
        drills={0: 0},
        n_drawn=3000,
        seed=seed,
    )


_SHAPES: tuple[tuple[Architecture, int, int], ...] = (
    ("gpt2", 2, 1),
    ("gpt2", 3, 2),
    ("gpt2", 4, 3),
    ("llama", 2, 1),
    ("llama", 3, 2),
    ("llama", 4, 3),
)

PANEL: Mapping[str, Recipe] = {
    f"{PREFIX}{architecture}-{seed}": _member(architecture, n_layers, seed) for architecture, n_layers, seed in _SHAPES
}
"""Recipes of all members, by name: the architecture and the seed."""
