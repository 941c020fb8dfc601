"""The whole activation: what an interchange can do at most at a site, and what a subspace must stay behind."""

import torch

from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask


@featurizer("full-vector", cost="0", source="MIB, arXiv 2504.13151; activation patching")
def full_vector(task: FeaturizationTask) -> Featurizer:
    """Every dimension is a feature, and all of them are swapped."""
    return Featurizer.subspace(torch.eye(task.width))
