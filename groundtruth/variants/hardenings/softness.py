"""Softness: attention and thresholds as far from saturation as the model still decodes to its program everywhere.

Compiled attention is all or nothing, and compiled thresholds are steps: both have no gradient on the domain. Here
scores are multiplied by a temperature below 1, and each step is made a ramp that many times as wide.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from numpy.random import Generator

from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.truth.variables.prove_variables import prove_variables
from groundtruth.variants.hardenings.exactness import Exactness
from groundtruth.variants.variant import Made, same_nodes

STEPS = 10
"""Bisections of each factor: what is found is at most 1.2 % above the least, 1e5 to the power of 1/1024."""

_BACKWARD_STEPS = 5

SOFTEST = 1e-5
"""Factors below are not tried: nothing compiled is exact there."""


def soften(
    model: CompiledModel,
    rng: Generator,
    *,
    attention: float | None = None,
    slope: float | None = None,
    exact_interchanges: bool = False,
) -> Made:
    """Multiply attention scores and the slopes of thresholds by factors below 1: given ones, or ones found by search.

    The search finds the least factors at which the model still decodes to what it decodes to, on the whole domain, in
    float64 and in float32, and padded in float64: first for both together, then for each alone. The recipe has them.
    There an interchange of a variable may lead to states that no input has, and go wrong; the variant's variables say
    after how many. With ``exact_interchanges`` the factors go back, as little as they can, until none is.

    Args:
        model: A compiled model.
        rng: Not used: there is nothing random.
        attention: Factor of attention scores in (0, 1]; found by search if it is not given.
        slope: Factor of slopes in (0, 1]; found by search if it is not given.
        exact_interchanges: True if interchanges of variables must stay as exact as in the model; it takes longer.

    Raises:
        VariantError: For a factor outside (0, 1].
    """
    del rng
    given = {name: value for name, value in (("attention", attention), ("slope", slope)) if value is not None}
    for name, value in given.items():
        if not 0.0 < value <= 1.0:
            raise VariantError(f"soft({name}={value}): a factor must be in (0, 1].")
    factors = softest(model, attention=attention, slope=slope)
    if exact_interchanges and not given:
        factors = _with_exact_interchanges(model, factors)
    made = softened(model, *factors)
    found = zip(("attention", "slope"), factors, strict=True)
    measured = tuple((name, value) for name, value in found if name not in given)
    return Made(replace(made, padding=is_pad_safe(made)), same_nodes(model), measured)


def _with_exact_interchanges(model: CompiledModel, least: tuple[float, float]) -> tuple[float, float]:
    """The factors nearest to the least ones, on the way back to 1, at which interchanges are as exact as before."""
    wrong = _wrong_interchanges(model)

    def at(share: float) -> tuple[float, float]:
        return least[0] ** share, least[1] ** share

    if _wrong_interchanges(softened(model, *least)) <= wrong:
        return least
    low, high = 0.0, 1.0
    for _ in range(_BACKWARD_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _wrong_interchanges(softened(model, *at(middle))) <= wrong else (low, middle)
    return at(low)


def _wrong_interchanges(model: CompiledModel) -> int:
    return sum(item.wrong for truth in prove_variables(model) for stage in truth.stages for item in stage.interchanges)


def softest(model: CompiledModel, *, attention: float | None = None, slope: float | None = None) -> tuple[float, float]:
    """The factors of attention scores and of slopes at which a model is softest and still exact.

    Args:
        model: A compiled model.
        attention: If given, this factor and no search for it.
        slope: Likewise.
    """
    both = 1.0
    # A factor of slopes would otherwise be found at its lowest, and stand in the recipe as if it did something.
    if not any(thresholds(model, layer) for layer in range(model.weights.n_layers)):
        slope = slope or 1.0  # there is nothing to soften but attention
    matches = Exactness(model)

    def exact(attention: float, slope: float) -> bool:
        return matches(softened(model, attention, slope))

    if attention is None and slope is None:
        # Together first: alone, one would take all the softness that the two can share.
        both = _least(lambda factor: exact(factor, factor))
    found_slope = slope or both
    found_attention = attention or _least(lambda factor: exact(factor, found_slope), start=both)
    return found_attention, slope or _least(lambda factor: exact(found_attention, factor), start=both)


def softened(model: CompiledModel, attention: float, slope: float) -> CompiledModel:
    """A model with its attention scores and the slopes of its thresholds multiplied.

    A threshold is a pair of neurons relu(z + 1) and relu(z) with opposite outputs, a step that is 1 wide in z. It
    becomes relu(slope * z + 1/2) - relu(slope * z - 1/2), with its middle where z is 0.

    Args:
        model: A compiled model.
        attention: Factor of scores.
        slope: Factor of slopes.
    """
    weights = model.weights
    w_in = weights.W_in.clone()
    one = _constant_direction(model)
    if slope < 1.0 and one is not None:
        for layer in range(weights.n_layers):
            for upper, lower in thresholds(model, layer):
                # Of the pair relu(z + 1) and relu(z) the lower one reads z itself.
                middle = w_in[layer][:, lower].clone()
                w_in[layer][:, upper] = slope * middle + 0.5 * one
                w_in[layer][:, lower] = slope * middle - 0.5 * one
    return replace(model, weights=replace(weights, W_Q=weights.W_Q * attention, W_in=w_in))


def thresholds(model: CompiledModel, layer: int) -> list[tuple[int, int]]:
    """The pairs of neurons that make a step: they read the same but for 1 on the constant, and write opposites."""
    weights = model.weights
    w_in, w_out, one = weights.W_in[layer], weights.W_out[layer], _constant_direction(model)
    found: list[tuple[int, int]] = []
    if one is None:
        return found
    named = [n for n in model.provenance.neurons_in(layer) if n.role in ("compute", "voter")]
    free = [n.index for n in named if n.index < weights.d_mlp]
    while free:
        first = free.pop(0)
        for second in free:
            # Neurons have slopes of 1e4 and more, of which rounding is relative; the step of 1 on the constant is not.
            size = max(1.0, float(w_in[:, first].abs().max()))
            step = w_in[:, first] - w_in[:, second]
            up = torch.allclose(step, one, rtol=0.0, atol=1e-9 * size)
            down = torch.allclose(step, -one, rtol=0.0, atol=1e-9 * size)
            if (up or down) and torch.allclose(w_out[first], -w_out[second], rtol=0.0, atol=1e-9):
                found.append((first, second) if up else (second, first))
                free.remove(second)
                break
    return found


def _constant_direction(model: CompiledModel) -> torch.Tensor | None:
    """The direction that is 1 at every position [d_model]; ``None`` where no threshold needs one."""
    index = next((i for i, direction in enumerate(model.provenance.directions) if direction.kind == "one"), None)
    if index is None:
        return None
    if model.frame is not None:
        return model.frame[index]
    return torch.eye(model.weights.d_model, dtype=torch.float64)[index]


def _least(exact: Callable[[float], bool], *, start: float = 1.0) -> float:
    """The least factor from which on, up to ``start``, a model was found exact; ``start`` if none below is."""
    low, high = math.log(SOFTEST), math.log(start)
    # Bisection presumes that softer is never more exact; where that fails the outcome is not the least factor, but it
    # was tried itself (or is `start`), so that the model is exact.
    if exact(SOFTEST):
        return SOFTEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if exact(math.exp(middle)) else (middle, high)
    return math.exp(high)
