"""Edge attribution patching with the mean of two gradients."""

import torch

from mib.graph import EdgeScores
from mib.localization.edge_estimates import edge_estimates
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer(
    "clean-corrupted",
    cost="2F+2B",
    source="Hanna et al. 2024, EAP-IG code (hannamw/EAP-IG, attribute.py)",
    needs_gradient=True,
)
def clean_corrupted(task: LocalizationTask) -> EdgeScores:
    """First-order estimate of each cut, with the mean of the gradients on the clean and the counterfactual run."""
    scores = torch.zeros(())
    for estimate in edge_estimates(task):
        estimate.at()
        estimate.at(0.0)
        scores = scores + estimate.scores / 2
    return EdgeScores(task.graph, (scores / len(task)).numpy())
