"""An orthonormal matrix that can be learned."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal


class Rotation(nn.Module):
    """Orthonormal columns [width, rank]; wherever an optimizer moves its parameter, they stay orthonormal.

    As in DAS: Householder reflections (a matrix exponential, if square) away from where it started.

    Args:
        start: Orthonormal columns to start from.
        generator: Completes them to a whole basis.
    """

    weight: Tensor

    def __init__(self, start: Float[Tensor, "width rank"], generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(start.clone())
        seed = int(torch.randint(2**31, (), generator=generator))
        # Forked, so that a method leaves the global generator, and whoever draws from it next, as it was.
        with torch.random.fork_rng(devices=[]):  # torch draws the rest of the basis from its global generator
            torch.manual_seed(seed)
            orthogonal(self)

    def forward(self) -> Float[Tensor, "width rank"]:
        """The columns as they are now."""
        return self.weight
