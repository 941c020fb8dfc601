"""Read decoys: loud heads that MLPs of the program read, whose lookup gives 0 for them, though its slope is steep."""

from dataclasses import replace

import torch
from numpy.random import Generator

from groundtruth.compiled.provenance import Direction, Head, Neuron
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings.directions import (
    back,
    in_directions,
    with_constant,
    with_directions,
    with_head_named,
    with_heads,
    with_neurons,
)
from groundtruth.variants.hardenings.held_expressions import held_expressions
from groundtruth.variants.variant import Made, same_nodes
from mib.sublayers import attention_sublayer

_SHARPNESS = 20.0
"""Size of queries and keys: a head looks at its own position, and at others with less than rounding."""

_SLOPE, _WIDTH = 20.0, 0.005
"""The lookup rises so steeply through 0 at each value that a decoy can have, and is flat again two widths beside it."""

_KNOTS = ((-2, -1.0), (-1, 2.0), (1, -2.0), (2, 1.0))
"""(place in widths, change of slope in slopes) of the neurons around one value: down, up through 0 at it, and down."""


def add_read_decoys(model: CompiledModel, rng: Generator, *, heads: int = 1) -> Made:
    """Add heads that move a number for each value of a variable, which MLPs of the program look up to no effect.

    What the MLPs make of each number is 0, so that no cut by resampling changes anything; but the slope there is steep,
    so that a gradient times a difference of activations is large.

    Args:
        model: A compiled model.
        rng: Chooses what each head reads, and the numbers.
        heads: Number of heads a layer.

    Raises:
        VariantError: If there is no head, or no MLP of the model computes anything.
    """
    if heads < 1:
        raise VariantError(f"read_decoys(heads={heads}) adds nothing; use at least 1.")
    if not any(model.provenance.expressions_in_mlp(layer) for layer in range(model.weights.n_layers)):
        raise VariantError(f"no MLP of '{model.name}' computes anything: there is nothing to read decoys.")
    made, _ = with_constant(in_directions(model))
    last = max(layer for layer in range(made.weights.n_layers) if made.provenance.expressions_in_mlp(layer))
    positions = [i for i, d in enumerate(made.provenance.directions) if d.kind == "position"]
    made = with_heads(made, heads, size=len(positions))
    for layer in range(last + 1):
        for head in range(made.weights.n_heads - heads, made.weights.n_heads):
            made = _with_decoy(made, layer, head, positions, rng)
    return Made(back(made, model), same_nodes(model))


def _with_decoy(model: CompiledModel, layer: int, head: int, positions: list[int], rng: Generator) -> CompiledModel:
    """A model in which a head of zeros moves a number for each value of a variable, and later MLPs read it."""
    known = sum(direction.kind == "ignored" for direction in model.provenance.directions)
    wide = with_directions(model, [Direction(f"ignored:{known}", "ignored", None, None)])
    held = [dimensions for label, dimensions in held_expressions(wide, attention_sublayer(layer)) if label != "indices"]
    dimensions = held[int(rng.integers(len(held)))]
    # Whole numbers are 1 apart: the curve around one ends two widths beside it and touches no other, nor 0, which zero
    # ablation writes.
    numbers = [float(number) for number in 1 + rng.permutation(len(dimensions))]
    w = {name: getattr(wide.weights, name).clone() for name in ("W_Q", "W_K", "W_V", "W_O")}
    for index, position in enumerate(positions):
        for name in ("W_Q", "W_K"):
            w[name][layer, head, position, index] = _SHARPNESS
    w["W_V"][layer, head, list(dimensions), 0] = torch.tensor(numbers, dtype=torch.float64)
    w["W_O"][layer, head, 0, -1] = 1.0
    named = {(layer, head): Head(layer, head, None, "ignored")}
    made = replace(wide, weights=replace(wide.weights, **w), provenance=with_head_named(wide.provenance, named))
    readers = [later for later in range(layer, made.weights.n_layers) if made.provenance.expressions_in_mlp(later)]
    return _looked_up(made, readers, numbers, rng)


def _looked_up(model: CompiledModel, layers: list[int], numbers: list[float], rng: Generator) -> CompiledModel:
    """A model in which some MLPs look up the last direction, and find 0 for each of some numbers."""
    first, one = model.weights.d_mlp, with_constant(model)[1]
    made = with_neurons(model, len(_KNOTS) * len(numbers))
    named = list(made.provenance.neurons)
    for layer in layers:
        labels = made.provenance.expressions_in_mlp(layer)
        label = labels[int(rng.integers(len(labels)))]
        places = made.provenance.dimensions(label)
        signs = torch.from_numpy(rng.standard_normal(len(places)))
        neuron = first
        for number in numbers:
            for place, change in _KNOTS:
                made.weights.W_in[layer, -1, neuron] = 1.0
                made.weights.W_in[layer, one, neuron] = -(number + place * _WIDTH)
                made.weights.W_out[layer, neuron, list(places)] = change * _SLOPE * signs
                named.append(Neuron(layer, neuron, label, "ignoring"))
                neuron += 1
    provenance = replace(made.provenance, neurons=tuple(sorted(named, key=lambda n: (n.layer, n.index))))
    return replace(made, provenance=provenance)
