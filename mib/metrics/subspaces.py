"""How one subspace lies to another; subspaces are given by the columns that span them, [d, k]."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mib.errors import ScoreError

TOLERANCE = 1e-6
"""Singular values up to this share of the largest count as zero: rounding of single precision."""


def principal_angles(one: Float[Tensor, "d k"], other: Float[Tensor, "d l"]) -> Float[Tensor, "least"]:
    """Angles between two subspaces in radians, smallest first, as many as the smaller one has dimensions.

    Small angles are taken from their sines, large ones from their cosines, so that both are precise.

    Raises:
        ScoreError: If the columns have different lengths or are not finite.

    Source: Bjorck and Golub 1973, https://doi.org/10.2307/2005662
    """
    a, b = _bases(one, other)
    if b.shape[1] > a.shape[1]:
        a, b = b, a
    cosines = torch.linalg.svdvals(a.T @ b).clamp(max=1.0)
    sines = torch.linalg.svdvals(b - a @ (a.T @ b)).clamp(max=1.0).flip(0)
    # A cosine near 1 hardly changes with the angle, nor does a sine near 1: each is used where the other has lost half
    # of its digits.
    return torch.where(cosines.square() > 0.5, torch.asin(sines), torch.acos(cosines))


def recall(found: Float[Tensor, "d k"], target: Float[Tensor, "d l"]) -> float:
    """Share of a target span that a found subspace covers: mean squared cosine over the target's dimensions.

    1 if the target lies inside, 0 if it is orthogonal, NaN if the target is empty.

    Raises:
        ScoreError: If the columns have different lengths or are not finite.
    """
    a, b = _bases(found, target)
    return _share(a, b)


def precision(found: Float[Tensor, "d k"], target: Float[Tensor, "d l"]) -> float:
    """Share of a found subspace that lies in a target span: mean squared cosine over the found dimensions.

    1 if it lies inside, 0 if it is orthogonal, NaN if nothing was found.

    Raises:
        ScoreError: If the columns have different lengths or are not finite.
    """
    a, b = _bases(found, target)
    return _share(b, a)


def span_rank(directions: Float[Tensor, "d k"]) -> int:
    """Return how many dimensions some directions span."""
    return _basis(directions, "directions").shape[1]


def _share(inside: Tensor, of: Tensor) -> float:
    return float((inside.T @ of).square().sum() / of.shape[1]) if of.shape[1] else math.nan


def _bases(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    if one.ndim != 2 or other.ndim != 2 or len(one) != len(other):
        raise ScoreError(
            f"subspaces of shapes {tuple(one.shape)} and {tuple(other.shape)}: expected [d, k] and [d, l], one "
            "direction a column."
        )
    return _basis(one, "one subspace"), _basis(other, "the other")


def _basis(directions: Tensor, name: str) -> Tensor:
    directions = directions.detach().double().cpu()
    if not bool(directions.isfinite().all()):
        raise ScoreError(f"{name} has entries that are not finite.")
    u, s, _ = torch.linalg.svd(directions, full_matrices=False)
    return u[:, : int((s > TOLERANCE * s[:1].sum()).sum())]
