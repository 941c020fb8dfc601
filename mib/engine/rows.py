"""Rows: many (circuit, example) pairs that are run in one batch."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

Indices = Int[Tensor, "row"]
Weights = Shaped[Tensor, "#row source destination"]
"""1 or True where an edge is kept, 0 or False where it is cut, or between; one row may serve all."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Which circuits run on which inputs.

    Attributes:
        kept: [row | 1, source, destination]; one circuit may serve all rows.
        clean: Pool index of each row's input.
        counterfactual: Pool index of each row's counterfactual input.
        neurons: [row | 1, source, d_model], or None for all.
    """

    kept: Weights
    clean: Indices
    counterfactual: Indices | None
    neurons: Shaped[Tensor, "#row source d_model"] | None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.clean)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        other = None if self.counterfactual is None else self.counterfactual.to(device)
        neurons = None if self.neurons is None else self.neurons.to(device)
        return type(self)(self.kept.to(device), self.clean.to(device), other, neurons)

    def take(self, index: Indices) -> Self:
        """Some of the rows."""
        other = None if self.counterfactual is None else self.counterfactual[index]
        neurons = None if self.neurons is None else _take(self.neurons, index)
        return type(self)(_take(self.kept, index), self.clean[index], other, neurons)


def _take(weights: Tensor, index: Indices) -> Tensor:
    # One circuit for all rows stays one: spread out, masks of many rows would be larger than the activations.
    return weights if len(weights) == 1 else weights[index]
