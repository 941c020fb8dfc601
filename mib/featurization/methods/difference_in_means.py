"""Difference in means: the directions between the mean activations of the variable's values."""

import torch

from mib.featurization.activation_samples import labelled_samples, spanned
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count


@featurizer(
    "difference-in-means",
    cost="1F of base and source",
    source="Marks and Tegmark 2023, arXiv 2310.06824; CausalGym, arXiv 2402.12560",
    needs=("values",),
)
def difference_in_means(task: FeaturizationTask, *, rank: Count | None = None) -> Featurizer:
    """The span of the differences between mean activations: one direction for two values.

    Args:
        task: Task of the variable to look for, with its values.
        rank: Keep only the strongest dimensions; default: all, one less than there are values.
    """
    activations, values = labelled_samples(task)
    means = torch.stack([activations[values == value].mean(0) for value in values.unique()])
    # Every value counts the same, however often it comes: the span is of differences, not of frequencies.
    return spanned((means - means.mean(0)).T, rank)
