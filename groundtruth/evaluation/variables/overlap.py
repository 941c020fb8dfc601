"""A found subspace against the exact one, modulo directions that no later component reads."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.results.variable_scores import Energy, Overlap
from mib.featurization.featurizer import Featurizer
from mib.metrics.subspaces import precision, principal_angles, recall, span_rank

FAINT = 0.05
"""A found direction of which less than this (of its length) is read counts as not read."""


def overlap_of(featurizer: Featurizer, landscape: Landscape) -> Overlap | None:
    """The overlap of what a featurizer swaps with the exact span; ``None`` if that is no subspace.

    Args:
        featurizer: Featurizer of the landscape's site.
        landscape: The exact directions there.
    """
    if featurizer.basis is None:
        return None
    found = featurizer.basis.detach().double().cpu()
    read, target = read_part(found, landscape), landscape.readable.T @ landscape.live
    known = not math.isnan(covered := recall(read, target))
    return Overlap(
        recall=covered if known else None,
        precision=_precision(found, read, target),
        energy=energy_of(found, landscape) if found.shape[1] else None,
        angles=tuple(torch.rad2deg(principal_angles(read, target)).tolist()),
        rank=span_rank(read),
    )


def read_part(found: Float[Tensor, "d_site k"], landscape: Landscape) -> Float[Tensor, "readable r"]:
    """Orthonormal columns of what later components read of a subspace, in coordinates of the readable space."""
    u, s, _ = torch.linalg.svd(landscape.readable.T @ found, full_matrices=False)
    # A found direction that is hardly read would count as a whole one once it is scaled to length 1.
    return u[:, s > FAINT]


def _precision(found: Tensor, read: Tensor, target: Tensor) -> float | None:
    if not found.shape[1]:
        return None
    return precision(read, target) if read.shape[1] else 0.0


def energy_of(found: Float[Tensor, "d_site k"], landscape: Landscape) -> Energy:
    """Share of the squared length of orthonormal columns, at least one, that lies in each space of the site."""
    shares = {
        name: float((getattr(landscape, name).T @ found).square().sum() / found.shape[1])
        for name in Energy.__dataclass_fields__
    }
    return Energy(**shares)
