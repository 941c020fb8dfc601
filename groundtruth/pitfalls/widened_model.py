"""Models with room beside their program: dimensions of the residual stream that nothing writes or reads yet."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Direction
from groundtruth.model import CompiledModel
from groundtruth.variants.variant import require_same_outputs

_LAST_AXIS = ("W_E", "W_pos", "W_O", "W_out")
_AXIS_BEFORE = ("W_Q", "W_K", "W_V", "W_in", "W_U")


def widened(weights: Weights, extra: int) -> Weights:
    """Weights with ``extra`` more residual dimensions, the last ones, all zeros.

    Args:
        weights: Weights of a model.
        extra: Number of extra dimensions.
    """
    written: dict[str, Tensor] = {name: F.pad(getattr(weights, name), (0, extra)) for name in _LAST_AXIS}
    read: dict[str, Tensor] = {name: F.pad(getattr(weights, name), (0, 0, 0, extra)) for name in _AXIS_BEFORE}
    return replace(weights, **written, **read)


def with_weights(model: CompiledModel, weights: Weights, name: str) -> CompiledModel:
    """The model with wider weights, whose new dimensions hold nothing of the program.

    Args:
        model: Before; compiled, not rotated.
        weights: Weights from ``widened``, with the new dimensions put to use.
        name: Put after the model's name.

    Raises:
        VariantError: If it does not decode to the same on every input of the domain, as far as that was checked.
    """
    extra = weights.d_model - model.weights.d_model
    added = tuple(Direction(f"{name}:{i}", "decoy", None, None) for i in range(extra))
    provenance = replace(model.provenance, directions=(*model.provenance.directions, *added))
    made = replace(model, name=f"{model.name}@{name}", weights=weights, provenance=provenance, folder=None)
    require_same_outputs(model, made)
    return made
