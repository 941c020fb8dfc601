"""The expressions that a sublayer finds in the residual stream, and the directions that hold them."""

import torch

from groundtruth.compiled.node_matrices import writing_rows
from groundtruth.model import CompiledModel
from mib.sublayers import EMBEDDINGS, attention_sublayer, mlp_sublayer

HeldExpression = tuple[str, tuple[int, ...]]
"""An expression that can be read, and the directions that hold it."""


def held_expressions(model: CompiledModel, sublayer: int) -> list[HeldExpression]:
    """The expressions that are in the residual stream when a sublayer reads it: no later component writes them."""
    later = torch.zeros(model.weights.d_model, dtype=torch.bool)
    for source in model.graph.sources:
        place = model.graph.locate(source)
        written_at = {"head": attention_sublayer(place.layer), "mlp": mlp_sublayer(place.layer)}.get(
            place.kind, EMBEDDINGS
        )
        # A direction that is still written later does not hold its value yet, or not all of it.
        if written_at >= sublayer:
            later |= writing_rows(model.weights, place).ne(0).any(0)
    found: dict[str, list[int]] = {}
    for index, direction in enumerate(model.provenance.directions):
        if direction.kind in ("token", "position", "variable") and direction.expression is not None:
            found.setdefault(direction.expression, []).append(index)
    return [(label, tuple(indices)) for label, indices in found.items() if not bool(later[indices].any())]
