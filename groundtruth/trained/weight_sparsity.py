"""Keep few weights of each matrix: the largest, and fewer as training goes on.

After Gao et al. (2025, arXiv 2511.13653): after each step of the optimizer all but the largest magnitudes of every
matrix are set to zero, and the share that is kept falls from all to a few over the first half of training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

_LEAST = 4
"""Least number of weights that a matrix keeps."""

_SINGLE = ("W_E", "W_pos", "W_U")
"""Weights that are one matrix; all others are one matrix a layer, of all its heads together."""


def annealed_share(step: int, steps: int, share: float) -> float:
    """The share of weights that is kept at a step: from 1, by equal factors, to ``share`` half-way and after."""
    return share ** min(1.0, 2.0 * step / max(1, steps))


@torch.no_grad()
def keep_largest(numbers: Mapping[str, Tensor], share: float) -> None:
    """Set all but the largest magnitudes of each matrix to exactly zero, in place.

    Embeddings and unembedding keep two weights a token, position or output, at least.

    Args:
        numbers: Weights by name.
        share: The share of each matrix that is kept.
    """
    for least, part in _matrices(numbers):
        kept = max(least, math.ceil(share * part.numel()))
        if kept < part.numel():
            # The threshold is dropped too: of weights that tie with it all go, or which of them stay would depend on
            # their order.
            highest_dropped = part.abs().flatten().kthvalue(part.numel() - kept).values
            part.mul_(part.abs() > highest_dropped)


def _matrices(numbers: Mapping[str, Tensor]) -> Iterator[tuple[int, Tensor]]:
    """Each matrix or vector of biases, with the number of weights that it keeps at least."""
    for name, value in numbers.items():
        if name.endswith("_gain"):
            continue  # a gain that is zero would be a dimension that nothing reads
        if name in _SINGLE:
            yield 2 * min(value.shape), value
        else:
            yield from ((1 if name.startswith("b_") else _LEAST, layer) for layer in value)
