"""Edge attribution patching."""

import torch

from mib.graph import EdgeScores
from mib.localization.edge_estimates import edge_estimates
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer("eap", cost="2F+1B", source="Syed et al. 2023, arXiv 2310.10348", needs_gradient=True)
def eap(task: LocalizationTask) -> EdgeScores:
    """First-order estimate of each cut, with gradients on the clean run."""
    scores = torch.zeros(())
    for estimate in edge_estimates(task):
        estimate.at()
        scores = scores + estimate.scores
    return EdgeScores(task.graph, (scores / len(task)).numpy())
