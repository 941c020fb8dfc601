"""Uniform gradient sampling: how often each part must be kept, learned from partly cut runs of uniform depth."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.hyperparameters import Count, Rate, Weight
from mib.levels import Scores
from mib.localization.learned_masks import Parts, backward, draw_examples, trainable_loss
from mib.localization.objectives import Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Li and Janson 2024, arXiv 2409.09951, section 4; a baseline of MIB (arXiv 2504.13151)"

BETAS = (0.9, 0.995)
"""Decay rates of Adam in the published code (edge_pruning_unif.py)."""

CLIP = 5.0
"""Greatest norm of a gradient there; a longer one is shortened to it."""

EDGE = 1e-3
"""Distance from 0 or 1: weights that close to 0 or 1 count as cut or kept, and not as samples in the window."""


@localizer("ugs", cost="steps x samples (F+B) of a batch", source=SOURCE, levels=("edge", "node"))
def ugs(
    task: LocalizationTask,
    *,
    steps: Count = 150,
    examples: Count = 5,
    samples: Count = 12,
    learning_rate: Rate = 0.2,
    penalty: Weight = 0.1,
    start: float = 1.0,
    objective: Objective = "kl",
) -> Scores:
    """The learned probability alpha of keeping each part.

    A part's weight is 1 - clamp((u - alpha) / w + 1/2, 0, 1) with u uniform: kept if u is well below alpha, cut if it
    is well above, and uniform between in a window of width w = alpha (1 - alpha). The gradient of the loss by alpha is
    taken there: its mean over the samples whose weight lies in the window.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Adam. Published: 3000 at a rate of 0.01 to 0.03 where parts are cut by resampling; the default
            keeps the product of the first.
        examples: Examples a step.
        samples: Masks drawn for each of them.
        learning_rate: Learning rate of Adam, on theta, where alpha = sigmoid(theta).
        penalty: On the mean of alpha, where a loss of 1 is that of the empty circuit.
        start: theta at first.
        objective: Quantity that the loss compares, see ``Loss``.
    """
    loss, parts, generator = trainable_loss(task, objective, by="ugs"), Parts(task.graph, task.level), task.generator()
    theta = torch.full((len(parts),), start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=learning_rate, betas=BETAS)
    for _ in range(steps):
        optimizer.zero_grad()
        batch = draw_examples(task, examples, generator).repeat(samples)
        u = torch.rand(len(batch), len(parts), generator=generator, dtype=torch.float64)
        backward(task, loss, parts, sample_weights(torch.sigmoid(theta), u), batch)
        (penalty * torch.sigmoid(theta).mean()).backward()
        torch.nn.utils.clip_grad_norm_([theta], CLIP)
        optimizer.step()
    return parts.scores(torch.sigmoid(theta))


def sample_weights(alpha: Float[Tensor, "part"], u: Float[Tensor, "row part"]) -> Float[Tensor, "row part"]:
    """The parts' weights in each row, with the gradient by alpha that a mean over rows needs.

    Args:
        alpha: Probability of keeping each part, with a gradient.
        u: Uniform numbers from 0 to 1.

    Returns:
        Weights from 0 to 1. If a loss is the mean over rows, its gradient by alpha is the mean of the gradient by the
        weight over the rows in which the part's weight lies in its window, and 0 where there is none.
    """
    window = (alpha * (1 - alpha)).detach()
    weights = 1 - ((u - alpha.detach()) / window + 0.5).clamp(0, 1)
    inside = (weights > EDGE) & (weights < 1 - EDGE)
    slope = torch.where(inside, len(u) / inside.sum(0).clamp(min=1), 0.0)
    return weights + slope * (alpha - alpha.detach())
