"""Direct logit attribution: what each source writes straight into the logits, and nothing else."""

import torch

from mib.graph import EdgeScores, NodeScores
from mib.localization.edge_estimates import edge_estimates
from mib.localization.frozen_parts import with_frozen_norms
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.models.adapters.parts import Attention

SOURCE = "Elhage et al. 2021, A mathematical framework for transformer circuits; Wang et al. 2022, arXiv 2211.00593"


@localizer("direct-logit-attribution", cost="2F+1B", source=SOURCE, levels=("edge", "node"), needs_gradient=True)
def direct_logit_attribution(task: LocalizationTask) -> EdgeScores | NodeScores:
    """What cutting changes in a source's own contribution to the metric, the final norm's scale held constant.

    Edges into the logits alone have a score; all others are 0, since what reaches the output through other nodes is
    left out. A node's score is that of its edge.
    """
    scores = torch.zeros(())
    for estimate in edge_estimates(task, through=with_frozen_norms(task.engine.anatomy, Attention)):
        estimate.at()
        scores = scores + estimate.scores
    # The gradient at the logits has passed no attention and no MLP, so that this column is direct whatever the layers
    # do.
    column = task.graph.destination_index["logits"]
    direct = scores[:, column] / len(task)
    if task.level == "node":
        return NodeScores(task.graph, direct.numpy())
    only = torch.zeros_like(scores)
    only[:, column] = direct
    return EdgeScores(task.graph, only.numpy())
