"""Edge attribution patching with integrated gradients over the input embedding."""

import torch

from mib.graph import EdgeScores
from mib.hyperparameters import Count
from mib.localization.edge_estimates import edge_estimates
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer("eap-ig-inputs", cost="1F+m(F+B)", source="Hanna et al. 2024, arXiv 2403.17806", needs_gradient=True)
def eap_ig_inputs(task: LocalizationTask, *, steps: Count = 5) -> EdgeScores:
    """Gradients averaged over inputs between counterfactual and clean; only the token embedding is interpolated.

    Args:
        task: Task of the circuit to localize.
        steps: Points on the way, m; point k of m is counterfactual + k/m (clean - counterfactual), k = 0..m-1.
    """
    scores = torch.zeros(())
    for estimate in edge_estimates(task):
        for k in range(steps):
            estimate.at(k / steps)
        scores = scores + estimate.scores
    return EdgeScores(task.graph, (scores / (len(task) * steps)).numpy())
