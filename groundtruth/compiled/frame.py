"""Weights in the coordinates of provenance's directions, and back: how rotated weights are read.

A *frame* has one orthonormal row a direction: where that direction lies in the residual stream. Without a frame
direction i is residual dimension i. A frame changes no function: it is a change of basis of the residual stream.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.errors import VariantError

Frame = Float[Tensor, "direction d_model"]

ROUNDING = 1e-12
"""An entry this small, beside the largest that one component writes or reads by one coordinate, is rounding: a product
of float64 matrices of width d errs by about d * 1e-16 of the norms of its rows, and no weight is that small."""

_WRITERS = ("W_E", "W_pos", "W_O", "W_out")
_READERS = ("W_Q", "W_K", "W_V", "W_in", "W_U")


def framed(weights: Weights, frame: Frame) -> Weights:
    """Weights in the coordinates of directions, moved into a residual stream in which these lie as a frame says.

    Args:
        weights: Weights of width d_original, the number of rows of ``frame``.
        frame: Orthonormal rows [direction, d_model].
    """
    written = {name: getattr(weights, name) @ frame for name in _WRITERS}
    read = {name: frame.T @ getattr(weights, name) for name in _READERS}
    return replace(weights, **written, **read)


def aligned(weights: Weights, frame: Frame) -> Weights:
    """Weights in the coordinates of directions: the inverse of ``framed``, with what is rounding set to zero.

    Args:
        weights: Weights of width d_model.
        frame: Orthonormal rows [direction, d_model].

    Raises:
        VariantError: If the frame has no orthonormal rows, or components write or read outside its span.
    """
    require_orthonormal(frame)
    written = {name: chopped(getattr(weights, name) @ frame.T, axis=-1) for name in _WRITERS}
    read = {name: chopped(frame @ getattr(weights, name), axis=-2) for name in _READERS}
    found = replace(weights, **written, **read)
    # What lies outside the span of the frame is lost on the way there, and so shows on the way back.
    back = framed(found, frame)
    for name in (*_WRITERS, *_READERS):
        own = getattr(weights, name)
        if not torch.allclose(getattr(back, name), own, rtol=0.0, atol=1e-9 * max(1.0, _size(own))):
            raise VariantError(
                f"{name} acts outside the frame of the model's directions; the frame is of other weights."
            )
    return found


def require_orthonormal(frame: Frame) -> None:
    """See that a frame's rows are orthonormal.

    Raises:
        VariantError: If they are not.
    """
    error = frame @ frame.T - torch.eye(len(frame), dtype=frame.dtype)
    # Written so that NaN is refused too.
    if not bool(error.abs().max() <= 1e-9):
        raise VariantError(f"the rows of a frame must be orthonormal; these are off by {float(error.abs().max()):.1e}.")


def chopped(values: Tensor, *, axis: int) -> Tensor:
    """Values without what is rounding beside the largest along an axis."""
    if not values.numel():
        return values
    scale = values.abs().amax(axis, keepdim=True)
    return torch.where(values.abs() > ROUNDING * scale, values, torch.zeros_like(values))


def _size(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0
