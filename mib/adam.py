"""Adam without a compiler: what is learned here takes seconds, and torch's own optimizers take some to be made."""

from collections.abc import Iterable

import torch
from torch import Tensor


class Adam:
    """Adam, to the bit what ``torch.optim.Adam`` does on a CPU; without weight decay it is AdamW too.

    The first optimizer of torch that a process makes imports torch's compiler, which takes more CPU time than most
    masks and rotations here take to be learned.

    Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.

    Args:
        parameters: What is learned.
        learning_rate: Step size; default for all groups.
        others: Further parameters with step sizes of their own.
        maximize: Climb instead of descending.
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        *others: tuple[Iterable[Tensor], float],
        maximize: bool = False,
    ) -> None:
        groups = ((parameters, learning_rate), *others)
        self._rates = [(parameter, rate) for own, rate in groups for parameter in own]
        self._moments = [(torch.zeros_like(parameter), torch.zeros_like(parameter)) for parameter, _ in self._rates]
        self._steps = [0] * len(self._rates)
        self._maximize = maximize

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter, _ in self._rates:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient; one that has none counts no step."""
        first, second = self.BETAS
        for index, ((parameter, rate), (mean, square)) in enumerate(zip(self._rates, self._moments, strict=True)):
            if parameter.grad is None:
                continue
            self._steps[index] += 1
            step, gradient = self._steps[index], -parameter.grad if self._maximize else parameter.grad
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            # Both averages start at 0: divided by how much of them is there.
            width = (square.sqrt() / (1 - second**step) ** 0.5).add_(self.EPSILON)
            parameter.addcdiv_(mean, width, value=-rate / (1 - first**step))
