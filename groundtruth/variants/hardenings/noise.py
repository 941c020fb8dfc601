"""Weight noise, up to the measured tolerance at which the model still decodes to its program on its whole domain."""

import math
from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings.directions import back, in_directions
from groundtruth.variants.hardenings.exactness import Exactness
from groundtruth.variants.variant import Made, same_nodes

_FINEST, _COARSEST = 1e-9, 1.0
_STEPS = 12
"""Bisections between the finest and the coarsest noise: the last is by a factor of 1.005."""


def add_noise(model: CompiledModel, rng: Generator, *, level: float | None = None) -> Made:
    """Multiply each weight, in the coordinates of directions, by 1 + level * z with z from a standard normal.

    Weights that are zero stay zero, so that what is absent stays absent. Without a level the largest is taken at which
    this noise (these z) changes no decoded output on the domain, in float64 and in float32, and padded in float64.

    Args:
        model: A compiled model.
        rng: Draws the noise.
        level: Relative standard deviation; found by bisection if it is not given.

    Raises:
        VariantError: For a level that is not positive, or a model that stands not even the least noise tried.
    """
    if level is not None and not 0.0 < level < math.inf:
        raise VariantError(f"noise(level={level}): the level must be a positive number.")
    bare = in_directions(model)
    draws = {name: torch.from_numpy(rng.standard_normal(array.shape)) for name, array in bare.weights.arrays().items()}
    found = level or _tolerance(bare, draws)
    made = _noisy(bare, draws, found)
    measured = () if level is not None else (("level", found),)
    return Made(back(replace(made, padding=is_pad_safe(made)), model), same_nodes(model), measured)


def _noisy(model: CompiledModel, draws: dict[str, Tensor], level: float) -> CompiledModel:
    # Multiplied, so that zeros stay exact and the same z gives a path of models from none to any level.
    noisy = {name: getattr(model.weights, name) * (1.0 + level * z) for name, z in draws.items()}
    return replace(model, weights=replace(model.weights, **noisy))


def _tolerance(model: CompiledModel, draws: dict[str, Tensor]) -> float:
    exact = Exactness(model)
    if not exact(_noisy(model, draws, _FINEST)):
        raise VariantError(f"'{model.name}' stands no relative noise of {_FINEST:g}.")
    # On a log scale: of its order of magnitude nothing is known beforehand.
    low, high = math.log(_FINEST), math.log(_COARSEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if exact(_noisy(model, draws, math.exp(middle))) else (low, middle)
    return math.exp(low)
