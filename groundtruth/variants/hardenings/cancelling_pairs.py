"""Cancelling pairs: two heads that write opposites, which the circuit reads and which are needless together."""

from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Direction, Head
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings.directions import (
    back,
    in_directions,
    with_directions,
    with_head_named,
    with_heads,
)
from groundtruth.variants.hardenings.held_expressions import HeldExpression, held_expressions
from groundtruth.variants.variant import Made, same_nodes
from mib.sublayers import attention_sublayer

_SHARPNESS = 2.0
"""Standard deviation of queries and keys: enough for attention to follow what it reads."""

_LOUDNESS = 3.0
"""Length of what one head of a pair writes, as a multiple of a one-hot code's."""

_SIZE = 4
"""Least size of a head: in fewer coordinates two tokens often look alike by chance."""

_READERS = 3
"""A pair is read by at most so many destinations: with more, families of minimal circuits are too large to search."""


def add_cancelling(model: CompiledModel, rng: Generator, *, pairs: int = 1, width: int = 2) -> Made:
    """Add pairs of heads, one of which writes the opposite of what the other writes.

    They stand in the first layer; the unembedding and some parts of the program after them read what they write. Cut
    one edge of a pair and its reader gets a loud difference; cut both, and nothing is missing, whatever the ablation:
    what they carry instead is opposite too.

    Args:
        model: A compiled model.
        rng: Chooses what each pair reads and how, and what reads it.
        pairs: Number of pairs to add.
        width: Number of directions that each pair writes to.

    Raises:
        VariantError: If there is no pair, no direction for it, or no layer.
    """
    if pairs < 1 or width < 1:
        raise VariantError(f"cancelling(pairs={pairs}, width={width}) adds nothing; use at least 1 of each.")
    if not model.weights.n_layers:
        raise VariantError(f"'{model.name}' has no layer in which a pair of heads could stand.")
    made = in_directions(model)
    for _ in range(pairs):
        made = _with_pair(made, rng, width)
    return Made(back(made, model), same_nodes(model))


def _with_pair(model: CompiledModel, rng: Generator, width: int) -> CompiledModel:
    """A model without a frame, with one more head and its opposite in the first layer."""
    known = sum(direction.kind == "cancelling" for direction in model.provenance.directions)
    named = [Direction(f"cancelling:{known + index}", "cancelling", None, None) for index in range(width)]
    wide = with_heads(with_directions(model, named), 2, size=_SIZE)
    heads = (wide.weights.n_heads - 2, wide.weights.n_heads - 1)
    weights = replace(wide.weights, **{name: values.clone() for name, values in _tensors(wide.weights).items()})
    _write(weights, heads, held_expressions(wide, attention_sublayer(0)), rng, width)
    made = replace(wide, weights=weights)
    _read(made, rng, width)
    roles = {(0, head): Head(0, head, None, "cancelling") for head in heads}
    return replace(made, provenance=with_head_named(made.provenance, roles))


def _write(weights: Weights, heads: tuple[int, int], held: list[HeldExpression], rng: Generator, width: int) -> None:
    """Let two heads of the first layer attend alike, move the same and write opposites into the last directions."""
    first, second = heads
    size = weights.d_head
    # Positions are the same for all inputs of one length: a cut of them alone would not be noticed under resampling.
    expressions = [dimensions for label, dimensions in held if label != "indices"]
    for matrix, scale in ((weights.W_Q, _SHARPNESS), (weights.W_K, _SHARPNESS), (weights.W_V, 1.0)):
        dimensions = expressions[int(rng.integers(len(expressions)))]
        matrix[0, first, list(dimensions)] = scale * _normal(rng, len(dimensions), size)
        matrix[0, second] = matrix[0, first]
    weights.W_O[0, first, :, -width:] = _LOUDNESS * _normal(rng, size, width) / (size * width) ** 0.5
    # To the bit, so that what is left of their sum is at most rounding.
    weights.W_O[0, second] = -weights.W_O[0, first]


def _read(model: CompiledModel, rng: Generator, width: int) -> None:
    """Let the unembedding and some other parts of the program read the last directions.

    All neurons of an MLP read them alike, so that two that make a step still differ by the constant alone.
    """
    weights = model.weights
    matrices = _reading_parts(model)
    # The unembedding is always among the readers, so that each pair is read at all.
    kept = sorted(rng.permutation(len(matrices))[: _READERS - 1].tolist())
    for matrix in (weights.W_U, *(matrices[index] for index in kept)):
        used = matrix.ne(0).any(0)
        columns = 1 if matrix is not weights.W_U else int(used.sum())
        scale = float(matrix[:, used].abs().max())
        matrix[-width:, used] = scale * _normal(rng, width, columns)


def _reading_parts(model: CompiledModel) -> list[Tensor]:
    """The matrices [d_model, read] by which MLPs and later heads of the program read, as views of its weights."""
    weights, provenance = model.weights, model.provenance
    found: list[Tensor] = []
    for layer in range(weights.n_layers):
        for head in provenance.heads:
            if layer and head.layer == layer and head.role in ("aggregate", "width"):
                found += [matrix[layer, head.head] for matrix in (weights.W_Q, weights.W_K, weights.W_V)]
        if provenance.expressions_in_mlp(layer):
            found.append(weights.W_in[layer])
    return found


def _tensors(weights: Weights) -> dict[str, Tensor]:
    return {name: getattr(weights, name) for name in weights.arrays()}


def _normal(rng: Generator, rows: int, columns: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal((rows, columns)))
