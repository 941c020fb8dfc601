"""Uniform gradient sampling: how often each part must be kept, learned from partly cut runs of uniform depth."""

import torch

from mib.hyperparameters import Count, Rate, Weight
from mib.levels import Scores
from mib.localization.learned_masks import Parts, backward, draw_examples, trainable_loss
from mib.localization.objectives import Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Li and Janson 2024, arXiv 2409.09951, section 4; a baseline of MIB (arXiv 2504.13151)"


@localizer("ugs", cost="steps x samples (F+B) of a batch", source=SOURCE, levels=("edge", "node"))
def ugs(
    task: LocalizationTask,
    *,
    steps: Count = 150,
    examples: Count = 5,
    samples: Count = 12,
    learning_rate: Rate = 0.1,
    penalty: Weight = 0.1,
    start: float = -0.5,
    objective: Objective = "kl",
) -> Scores:
    """The learned probability alpha of keeping each part.

    A part's weight is 1 - clamp((u - alpha) / w + 1/2, 0, 1) with u uniform: kept if u is well below alpha, cut if it
    is well above, and uniform between in a window of width w = alpha (1 - alpha), where the gradient is taken.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Adam.
        examples: Examples a step.
        samples: Masks drawn for each of them.
        learning_rate: Learning rate of Adam, on theta, where alpha = sigmoid(theta).
        penalty: On the mean of alpha, where a loss of 1 is that of the empty circuit.
        start: theta at first.
        objective: Quantity that the loss compares, see ``Loss``.
    """
    loss, parts, generator = trainable_loss(task, objective, by="ugs"), Parts(task.graph, task.level), task.generator()
    theta = torch.full((len(parts),), start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        batch = draw_examples(task, examples, generator).repeat(samples)
        alpha = torch.sigmoid(theta)
        u = torch.rand(len(batch), len(parts), generator=generator, dtype=torch.float64)
        # Detached: the window says where the gradient is sampled, and is nothing to learn.
        window = (alpha * (1 - alpha)).detach()
        weights = 1 - ((u - alpha) / window + 0.5).clamp(0, 1)
        backward(task, loss, parts, weights, batch)
        (penalty * torch.sigmoid(theta).mean()).backward()
        optimizer.step()
    return parts.scores(torch.sigmoid(theta))
