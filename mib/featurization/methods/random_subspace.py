"""A random subspace: what a rank alone achieves."""

import torch

from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count


@featurizer("random-k", cost="0", source="control of Arora et al. 2024 (CausalGym), arXiv 2402.12560", control=True)
def random_k(task: FeaturizationTask, *, rank: Count = 16) -> Featurizer:
    """A uniformly random subspace, seeded by the task.

    Args:
        task: Task of the variable to look for.
        rank: Dimensions; the site's own where it has fewer.
    """
    return Featurizer.subspace(random_rotation(task.width, rank, task.generator()))


def random_rotation(width: int, rank: int, generator: torch.Generator) -> torch.Tensor:
    """Orthonormal columns [width, at most rank], uniform over subspaces."""
    drawn = torch.randn(width, min(rank, width), generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(drawn)
    # Without the signs, fixed by the QR of LAPACK, columns are not uniform (Mezzadri 2007).
    return (q * r.diagonal().sign()).float()
