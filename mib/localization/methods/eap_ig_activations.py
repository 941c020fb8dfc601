"""Edge attribution patching with integrated gradients over each group of activations.

The groups are the token embedding, all heads of a layer, and each MLP. One group's output at a time is set to points
between ablated and clean, and the gradients at *all* destinations are added up.

While a group is interpolated, everything before it is as on the clean run, for every group and every point. So each
point runs only what comes after its group, and hands its gradient to the residual stream there; one backward pass
through the clean run then carries all of these gradients on to the destinations before. The last point of each group is
the clean run itself, which is run once for all of them.
"""

import torch

from mib.graph import EdgeScores
from mib.hyperparameters import Count
from mib.localization.edge_estimates import edge_estimates
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.sublayers import block_sublayers, writing_sublayers


@localizer(
    "eap-ig-activations",
    cost="2F+2B+(1+2L)(m-1)(F+B) at most",
    source="Hanna et al. 2024, hannamw/EAP-IG",
    needs_gradient=True,
)
def eap_ig_activations(task: LocalizationTask, *, steps: Count = 5) -> EdgeScores:
    """Gradients averaged over every group of activations on its way from ablated to clean.

    Args:
        task: Task of the circuit to localize.
        steps: Points on the way, m; point k of m is ablated + k/m (clean - ablated), k = 1..m.
    """
    scores = torch.zeros(())
    for estimate in edge_estimates(task):
        # For each sublayer: the gradient that its points hand to the stream around it. The last point of every group is
        # the clean run.
        around = estimate.unchanged()
        for k in range(1, steps):
            estimate.at(k / steps)
        for sublayer in block_sublayers(task.graph.n_layers):
            change = estimate.change(sublayer)
            for k in range(1, steps):
                around[sublayer] = around[sublayer] + estimate.after(sublayer, (1 - k / steps) * change)
        if around:
            estimate.pull_back(around)
        scores = scores + estimate.scores
    n_points = len(writing_sublayers(task.graph.n_layers)) * steps
    return EdgeScores(task.graph, (scores / (len(task) * n_points)).numpy())
