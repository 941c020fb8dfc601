"""Subnetwork probing: hard-concrete masks, trained to keep the model's output with few parts."""

import torch

from mib.hyperparameters import Count, InnerShare, Rate, Weight
from mib.levels import Scores
from mib.localization.learned_masks import HardConcrete, Parts, backward, draw_examples, trainable_loss
from mib.localization.objectives import Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Cao et al. 2021, arXiv 2104.03514; as ACDC runs it (Conmy et al. 2023, subnetwork_probing/train.py)"


@localizer("subnetwork-probing", cost="steps (F+B) of a batch", source=SOURCE, levels=("edge", "node"))
def subnetwork_probing(
    task: LocalizationTask,
    *,
    steps: Count = 150,
    examples: Count = 32,
    learning_rate: Rate = 0.02,
    penalty: Weight = 0.1,
    start: InnerShare = 0.9,
    objective: Objective = "kl",
) -> Scores:
    """How likely each part's mask is to be open, after training on loss + penalty x expected share of open parts.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Adam. Published: 3000 at a rate of 0.001; the default keeps the product.
        examples: Examples a step, all of which share one draw of the mask.
        learning_rate: Learning rate of Adam.
        penalty: On the expected share of open parts, where a loss of 1 is that of the empty circuit.
        start: Every mask's first value (without noise).
        objective: Quantity that the loss compares, see ``Loss``.
    """
    loss, parts, gate = (
        trainable_loss(task, objective, by="subnetwork-probing"),
        Parts(task.graph, task.level),
        HardConcrete(),
    )
    generator = task.generator()
    log_alpha = gate.log_alpha(torch.full((len(parts),), start, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.Adam([log_alpha], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        batch = draw_examples(task, examples, generator)
        backward(task, loss, parts, gate.draw(log_alpha, generator)[None], batch)
        # Apart from the loss: gradients add up in `log_alpha`, and the loss is run in chunks of its own.
        (penalty * gate.probability_open(log_alpha).mean()).backward()
        optimizer.step()
    return parts.scores(gate.probability_open(log_alpha))
