"""Nothing: the accuracy of pairs on which the variable makes no difference."""

import torch

from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask


@featurizer("no-op", cost="0", source="control; see Huang et al. 2024 (RAVEL), arXiv 2402.17700", control=True)
def no_op(task: FeaturizationTask) -> Featurizer:
    """No feature is swapped."""
    return Featurizer.subspace(torch.zeros(task.width, 0))
