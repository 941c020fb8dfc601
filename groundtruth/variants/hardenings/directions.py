"""A model taken apart in the coordinates of its directions, changed there, and put back into its frame."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.frame import aligned, framed
from groundtruth.compiled.provenance import Direction, Head, Provenance
from groundtruth.model import CompiledModel

_RESIDUAL_AXIS = {"W_E": 1, "W_pos": 1, "W_O": 3, "W_out": 2, "W_Q": 2, "W_K": 2, "W_V": 2, "W_in": 1, "W_U": 0}


def in_directions(model: CompiledModel) -> CompiledModel:
    """The model in the coordinates of its directions: without a frame."""
    return model if model.frame is None else replace(model, weights=aligned(model.weights, model.frame), frame=None)


def back(changed: CompiledModel, model: CompiledModel) -> CompiledModel:
    """A model that was changed in the coordinates of directions, in the frame that the other model has.

    Directions that were added lie in dimensions that are added to the residual stream.
    """
    if model.frame is None:
        return changed
    # A block of its own: the frame of the old directions, and so their proofs, stay to the bit.
    added = len(changed.provenance.directions) - len(model.frame)
    frame = torch.block_diag(model.frame, torch.eye(added, dtype=torch.float64))
    return replace(changed, weights=framed(changed.weights, frame), frame=frame)


def with_directions(model: CompiledModel, directions: Sequence[Direction]) -> CompiledModel:
    """A model without a frame, with further directions that nothing reads or writes yet."""
    weights = model.weights
    widened = {name: widen(getattr(weights, name), axis, len(directions)) for name, axis in _RESIDUAL_AXIS.items()}
    provenance = replace(model.provenance, directions=(*model.provenance.directions, *directions))
    return replace(model, weights=replace(weights, **widened), provenance=provenance)


def with_constant(model: CompiledModel) -> tuple[CompiledModel, int]:
    """A model without a frame that has a direction that is 1 at every position, and which one that is."""
    kinds = [direction.kind for direction in model.provenance.directions]
    if "one" in kinds:
        return model, kinds.index("one")
    wide = with_directions(model, [Direction("one", "one", None, None)])
    embedding = wide.weights.W_E.clone()
    # By every token, BOS and PAD among them: thresholds work at all positions.
    embedding[:, -1] = 1.0
    return replace(wide, weights=replace(wide.weights, W_E=embedding)), len(kinds)


def with_heads(model: CompiledModel, count: int, *, size: int = 0) -> CompiledModel:
    """A model with so many more heads of zeros in each layer, each of at least a size."""
    weights = resized(model.weights, max(size, model.weights.d_head))
    moved = {name: widen(getattr(weights, name), 1, count) for name in ("W_Q", "W_K", "W_V", "W_O")}
    first, layers = weights.n_heads, range(weights.n_layers)
    idle = [Head(layer, first + index, None, "idle") for layer in layers for index in range(count)]
    heads = sorted([*model.provenance.heads, *idle], key=lambda head: (head.layer, head.head))
    return replace(
        model,
        weights=replace(weights, **moved),
        provenance=replace(model.provenance, heads=tuple(heads)),
    )


def with_neurons(model: CompiledModel, count: int) -> CompiledModel:
    """A model with so many more neurons of zeros in each layer."""
    weights = model.weights
    return replace(
        model,
        weights=replace(weights, W_in=widen(weights.W_in, 2, count), W_out=widen(weights.W_out, 1, count)),
    )


def resized(weights: Weights, size: int) -> Weights:
    """The same heads in more coordinates each, with queries that make up for the scale of the scores."""
    extra = size - weights.d_head
    if not extra:
        return weights
    moved = {name: widen(getattr(weights, name), 3, extra) for name in ("W_Q", "W_K", "W_V")}
    # Attention divides by the root of the head size, which grows.
    moved["W_Q"] = moved["W_Q"] * (size / weights.d_head) ** 0.5
    return replace(weights, **moved, W_O=widen(weights.W_O, 2, extra))


def widen(values: Tensor, axis: int, by: int) -> Tensor:
    """Values with zeros added at the end of an axis."""
    shape = list(values.shape)
    shape[axis] = by
    return torch.cat([values, values.new_zeros(shape)], dim=axis)


def with_head_named(provenance: Provenance, named: Mapping[tuple[int, int], Head]) -> Provenance:
    """Provenance in which some heads are what is given, by (layer, head)."""
    heads = tuple(named.get((head.layer, head.head), head) for head in provenance.heads)
    return replace(provenance, heads=heads)
