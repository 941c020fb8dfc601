"""DAS in the coordinates of a non-linear bijection: a map without limits makes almost any hypothesis true."""

import copy

import torch
from torch import Tensor

from mib.featurization.bijection import Coordinates, ReversibleNetwork
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.featurization.training import Training, causes, learn
from mib.hyperparameters import Count, Rate


@featurizer("bijection-das", cost="(F+B) a step", source="Sutter et al. 2025, arXiv 2507.08802", linear=False)
def bijection_das(
    task: FeaturizationTask,
    *,
    rank: Count = 16,
    blocks: Count = 4,
    hidden: Count = 64,
    learning_rate: Rate = 1e-3,
    steps: Count = 1000,
    batch_size: Count = 32,
    patience: Count = 10,
) -> Featurizer:
    """The first coordinates of a learned reversible network.

    Args:
        task: Task of the variable to find.
        rank: Number of coordinates swapped; half of the site's dimensions where it has fewer than twice as many.
        blocks: Couplings of the network; more can do more.
        hidden: Neurons of each of its functions.
        learning_rate: Learning rate of AdamW.
        steps: Steps of the optimizer, at most.
        batch_size: Pairs a step.
        patience: Looks at the validation split, one every 25 steps, without a better accuracy or loss before it stops.
    """
    like, selected = task.anatomy.token_embedding, tuple(range(min(rank, (task.width + 1) // 2)))
    network = ReversibleNetwork(task.width, blocks=blocks, hidden=hidden, generator=task.generator()).to(like)
    swapped = torch.zeros(task.width, dtype=torch.bool, device=like.device)
    swapped[list(selected)] = True

    def swap(base: Tensor, source: Tensor) -> Tensor:
        return network.inverse(torch.where(swapped, network(source), network(base)))

    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.0)
    training = Training(steps, batch_size, patience)
    return learn(task, swap, lambda: coordinates(network, selected), optimizer, training, examples=causes(task))


def coordinates(network: ReversibleNetwork, selected: tuple[int, ...]) -> Featurizer:
    """All coordinates of a network as it is now, of which some are swapped; there is no error."""
    chart = Coordinates(copy.deepcopy(network).requires_grad_(False))
    return Featurizer(chart, chart.back, chart.network.turns.shape[-1], selected=selected)
