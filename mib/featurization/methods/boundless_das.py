"""Boundless DAS: learn a rotation of the whole site, and how many of its first dimensions carry the variable."""

import torch
from torch import Tensor, nn

from mib.featurization.featurizer import Featurizer
from mib.featurization.methods.random_subspace import random_rotation
from mib.featurization.registry import featurizer
from mib.featurization.rotation import Rotation
from mib.featurization.task import FeaturizationTask
from mib.featurization.training import Training, causes, learn
from mib.hyperparameters import Count, Rate, Weight


@featurizer("boundless-das", cost="(F+B) a step", source="Wu et al. 2023, arXiv 2305.08809")
def boundless_das(
    task: FeaturizationTask,
    *,
    learning_rate: Rate = 1e-2,
    boundary_rate: Rate = 1e-2,
    pressure: Weight = 1.0,
    temperatures: tuple[Rate, Rate] = (50.0, 0.1),
    steps: Count = 1000,
    batch_size: Count = 32,
) -> Featurizer:
    """DAS that learns its own rank: the loss is the cross-entropy plus the share of dimensions inside the boundary.

    Args:
        task: Task of the variable to find.
        learning_rate: Learning rate of Adam, for the rotation; published is 1e-3, over tens of thousands of pairs.
        boundary_rate: Boundary rate of Adam, for the boundary.
        pressure: Weight of the share of dimensions in the loss.
        temperatures: Temperatures of the mask at the first and at the last step, linear in between; published for
            4096 dimensions.
        steps: Steps of the optimizer; the schedule ends with the last. The best on the way is kept.
        batch_size: Pairs a step.
    """
    generator = task.generator()
    start = random_rotation(task.width, task.width, generator).to(task.anatomy.token_embedding)
    rotation, boundary = Rotation(start, generator), Boundary(task.width, temperatures).to(start)

    def swap(base: Tensor, source: Tensor) -> Tensor:
        columns = rotation()
        return base + (source - base) @ columns * boundary.mask() @ columns.T

    rates = {rotation: learning_rate, boundary: boundary_rate}
    groups = [{"params": list(module.parameters()), "lr": rate} for module, rate in rates.items()]
    return learn(
        task,
        swap,
        lambda: Featurizer.subspace(rotation(), selected=boundary.inside()),
        torch.optim.Adam(groups),
        Training(steps, batch_size),
        examples=causes(task),
        penalty=lambda: pressure * boundary.share(),
        anneal=boundary.cool,
    )


class Boundary(nn.Module):
    """A mask over ordered dimensions, 1 before a boundary and 0 after it, softened by a temperature.

    Args:
        width: Number of dimensions.
        temperatures: At the beginning and at the end.
    """

    order: Tensor

    def __init__(self, width: int, temperatures: tuple[float, float]) -> None:
        super().__init__()
        self.register_buffer("order", torch.arange(width, dtype=torch.get_default_dtype()))
        self.position = nn.Parameter(torch.tensor(0.5))
        self.temperatures = temperatures
        self.temperature = temperatures[0]

    def cool(self, done: float) -> None:
        """Set the temperature for a share of the steps done."""
        first, last = self.temperatures
        self.temperature = first + done * (last - first)

    def share(self) -> Tensor:
        """Share of the dimensions inside the boundary."""
        return self.position.clamp(1e-3, 1.0)

    def mask(self) -> Tensor:
        """sigmoid(i / T) * sigmoid((b d - i) / T) for dimension i of d."""
        beyond = self.share() * len(self.order) - self.order
        return torch.sigmoid(self.order / self.temperature) * torch.sigmoid(beyond / self.temperature)

    def inside(self) -> tuple[int, ...]:
        """The dimensions before the boundary."""
        return tuple((self.order < self.share() * len(self.order)).nonzero()[:, 0].tolist())
