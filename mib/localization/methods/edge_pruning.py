"""Edge Pruning: hard-concrete masks on edges, pushed to a target sparsity by Lagrange multipliers."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.graph import EdgeScores
from mib.hyperparameters import Count, InnerShare, Rate, Share
from mib.localization.learned_masks import HardConcrete, Parts, backward, draw_examples, trainable_loss
from mib.localization.objectives import Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Bhaskar et al. 2024, arXiv 2406.16778"


@localizer("edge-pruning", cost="steps (F+B) of a batch", source=SOURCE)
def edge_pruning(
    task: LocalizationTask,
    *,
    steps: Count = 200,
    examples: Count = 32,
    learning_rate: Rate = 0.1,
    multiplier_rate: Rate = 0.1,
    sparsity: Share = 0.95,
    warmup: Share = 5 / 6,
    start: InnerShare = 0.99,
    objective: Objective = "kl",
) -> EdgeScores:
    """How likely each edge's mask is to be open, after training to a share of closed masks.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Adam. Published for IOI: 3000, at both rates 0.8; for Tracr models: 6000, at 0.03 and 0.001.
        examples: Examples a step, all of which share one draw of the mask.
        learning_rate: Learning rate of Adam, on the masks.
        multiplier_rate: Multiplier rate of Adam, on the Lagrange multipliers, which climb where the masks descend.
        sparsity: Target share of edges whose mask is closed; published: from 0.94 to above 1, which none can reach.
        warmup: Share of the steps in which the target rises from 0.
        start: Every mask's first value (without noise).
        objective: Quantity that the loss compares, see ``Loss``.
    """
    first = HardConcrete().log_alpha(torch.full((len(task.graph.edges),), start, dtype=torch.float64))
    log_alpha = prune(
        task,
        first,
        by="edge-pruning",
        steps=steps,
        examples=examples,
        learning_rate=learning_rate,
        multiplier_rate=multiplier_rate,
        start_sparsity=0.0,
        sparsity=sparsity,
        warmup=warmup,
        objective=objective,
    )
    return EdgeScores(task.graph, HardConcrete().probability_open(log_alpha).numpy())


def prune(
    task: LocalizationTask,
    log_alpha: Float[Tensor, "edge"],
    *,
    by: str,
    steps: int,
    examples: int,
    learning_rate: float,
    multiplier_rate: float,
    start_sparsity: float,
    sparsity: float,
    warmup: float,
    objective: Objective,
) -> Float[Tensor, "edge"]:
    """Train log_alpha from given first values; the penalty is l1 (t - s) + l2 (t - s)^2 at sparsity s and target t."""
    loss, parts, gate = trainable_loss(task, objective, by=by), Parts(task.graph, "edge"), HardConcrete()
    generator = task.generator()
    log_alpha = log_alpha.clone().requires_grad_()
    multipliers = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    masks = torch.optim.Adam([log_alpha], lr=learning_rate)
    # Ascent: the price of a gap rises as long as there is one.
    prices = torch.optim.Adam([multipliers], lr=multiplier_rate, maximize=True)
    for step in range(steps):
        masks.zero_grad()
        prices.zero_grad()
        target = start_sparsity + (sparsity - start_sparsity) * min(1.0, step / max(1.0, warmup * steps))
        backward(task, loss, parts, gate.draw(log_alpha, generator)[None], draw_examples(task, examples, generator))
        gap = target - (1 - gate.probability_open(log_alpha).mean())
        (multipliers[0] * gap + multipliers[1] * gap.square()).backward()
        masks.step()
        prices.step()
    return log_alpha.detach()
