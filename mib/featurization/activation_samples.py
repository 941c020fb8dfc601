"""Activations of the training examples at a site, for methods that look at activations and not at interchanges."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mib.errors import MethodError
from mib.featurization.featurizer import Featurizer, orthonormal
from mib.featurization.task import FeaturizationTask

Samples = Float[Tensor, "sample d_site"]


def samples(task: FeaturizationTask) -> Samples:
    """Activations on the bases and sources of the training split, at every position of the site.

    Raises:
        MethodError: If there is none.
    """
    train = task.split.train
    if not len(train):
        raise MethodError("there is no activation to learn from: give the task a split with training examples.")
    return torch.cat([x.flatten(0, 1) for x in task.activations(train)])


def labelled_samples(task: FeaturizationTask) -> tuple[Samples, Int[Tensor, "sample"]]:
    """The same activations with the variable's value, where it has one.

    Raises:
        MethodError: If there are no values, or fewer than two different ones.
    """
    if task.base_values is None or task.source_values is None:
        raise MethodError("the task has no values of the variable: give base_values and source_values.")
    activations, train = samples(task), task.split.train
    values = torch.cat([x[train].flatten() for x in (task.base_values, task.source_values)]).to(activations.device)
    # -1 says that the variable has no value there, not that -1 is one.
    known = values >= 0
    if len(values[known].unique()) < 2:
        raise MethodError("the variable has fewer than two values on the training examples: there is nothing to tell.")
    return activations[known], values[known]


def spanned(directions: Float[Tensor, "d_site direction"], rank: int | None) -> Featurizer:
    """The subspace that some directions span, or its ``rank`` strongest dimensions."""
    return Featurizer.subspace(orthonormal(directions)[:, :rank])
