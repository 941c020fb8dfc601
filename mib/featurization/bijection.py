"""A non-linear bijection that can be learned: a reversible network of additive couplings."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

Vectors = Float[Tensor, "*batch width"]


class ReversibleNetwork(nn.Module):
    """A bijection of vectors, invertible whatever its weights: each block adds to one half a function of the other.

    With halves (a, b) of the turned vector a block gives b' = b + g(a), a' = a + h(b'); a fixed random rotation mixes
    the halves before each block. It starts as a rotation. Source: Gomez et al. 2017 (RevNet), arXiv 1707.04585.

    Args:
        width: Size of the vectors.
        blocks: Number of couplings.
        hidden: Neurons of each function.
        generator: Draws weights and rotations.
    """

    turns: Tensor

    def __init__(self, width: int, *, blocks: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.cut = width // 2
        drawn = torch.randn(blocks, width, width, generator=generator, dtype=torch.float64)
        # Drawn in float64 and then rounded, so that the turns are orthogonal to the last digit of what they are kept
        # in.
        self.register_buffer("turns", torch.linalg.qr(drawn).Q.to(torch.get_default_dtype()))
        sizes = (self.cut, width - self.cut)
        self.first = nn.ModuleList([_function(sizes[0], sizes[1], hidden, generator) for _ in range(blocks)])
        self.second = nn.ModuleList([_function(sizes[1], sizes[0], hidden, generator) for _ in range(blocks)])

    def forward(self, x: Vectors) -> Vectors:
        """The vector in new coordinates."""
        for turn, g, h in zip(self.turns, self.first, self.second, strict=True):
            a, b = self._halves(x @ turn)
            # One half at a time, by a function of the other alone: that is what can be taken back exactly.
            b = b + g(a)
            x = torch.cat((a + h(b), b), dim=-1)
        return x

    def inverse(self, y: Vectors) -> Vectors:
        """The vector of which ``y`` are the coordinates."""
        for turn, g, h in zip(reversed(self.turns), reversed(self.first), reversed(self.second), strict=True):
            a, b = self._halves(y)
            a = a - h(b)
            y = torch.cat((a, b - g(a)), dim=-1) @ turn.T
        return y

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., : self.cut], x[..., self.cut :]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The coordinates that a network gives a vector, as ``Featurizer.featurize`` wants them: there is no error.

    Attributes:
        network: Bijection of vectors.
    """

    network: ReversibleNetwork

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The vector in the network's coordinates, in the precision of the vector."""
        return self.network(x.to(self.network.turns)).to(x), x[..., :0]

    def back(self, features: Tensor, error: Tensor) -> Tensor:
        """The vector that has the coordinates."""
        return self.network.inverse(features.to(self.network.turns)).to(features)


def _function(width: int, out: int, hidden: int, generator: torch.Generator) -> nn.Sequential:
    """One hidden layer; the last layer starts at zero, so that the network starts as a rotation."""
    first: nn.Linear = nn.utils.skip_init(nn.Linear, width, hidden)  # pyright: ignore[reportAssignmentType]
    last: nn.Linear = nn.utils.skip_init(nn.Linear, hidden, out)  # pyright: ignore[reportAssignmentType]
    with torch.no_grad():
        first.weight.copy_(torch.randn(hidden, width, generator=generator) / max(1, width) ** 0.5)
        for zero in (first.bias, last.weight, last.bias):
            zero.zero_()
    return nn.Sequential(first, nn.GELU(), last)
