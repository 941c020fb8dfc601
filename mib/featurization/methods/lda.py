"""Linear discriminant analysis: the directions that best separate the variable's values, given their spread."""

import torch

from mib.featurization.activation_samples import labelled_samples, spanned
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count, Share


@featurizer("lda", cost="1F of base and source", source="Fisher 1936; CausalGym, arXiv 2402.12560", needs=("values",))
def lda(task: FeaturizationTask, *, shrinkage: Share = 1e-2, rank: Count | None = None) -> Featurizer:
    """The span of S^-1 (mean of a value - mean), with S the covariance within values.

    Args:
        task: Task of the variable to look for, with its values.
        shrinkage: Share of S that is replaced by its mean variance in every direction: activations of compiled models
            do not vary in most of them.
        rank: Keep only the strongest dimensions; default: all, one less than there are values.
    """
    activations, values = labelled_samples(task)
    x = activations.double()
    classes, which = values.unique(return_inverse=True)
    means = torch.stack([x[which == index].mean(0) for index in range(len(classes))])
    within = x - means[which]
    covariance = within.T @ within / len(x)
    variance = covariance.trace() / len(covariance)
    identity = torch.eye(len(covariance), dtype=x.dtype, device=x.device)
    # Without any spread within values, every direction counts alike.
    spread = (1 - shrinkage) * covariance + shrinkage * variance * identity if variance > 0 else identity
    # Solved and not inverted: the covariance is singular but for the shrinkage.
    directions = torch.linalg.solve(spread, (means - means.mean(0)).T)
    return spanned(directions.to(activations.dtype), rank)
