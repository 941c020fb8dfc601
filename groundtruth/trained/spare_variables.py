"""What spare components are trained to hold, so that they are loud though nothing needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.training_rows import Rows

SPARE_VARIABLES: dict[str, Callable[[Sequence[Any], int], object]] = {
    "first token": lambda tokens, position: tokens[0],
    "largest so far": lambda tokens, position: max(tokens[: position + 1]),
    "count of the first token": lambda tokens, position: tokens[: position + 1].count(tokens[0]),
}
"""A function of an input and a position that a causal model can compute, by name."""

_WEIGHT = 0.3
"""Weight of the spare components' loss."""

_LOUDNESS = 3.0
"""Size of the fixed probes that read spare components: the smaller, the louder a component has to be."""


class SpareVariables:
    """Fixed random probes of spare components, and what they should read.

    Args:
        network: Its correspondence names the spare components.
        inputs: All inputs of its domain.
        generator: Draws the probes.
    """

    def __init__(self, network: TrainedNetwork, inputs: Sequence[Tokens], generator: torch.Generator) -> None:
        self._spares = network.correspondence.spares
        self._graph = network.graph
        self._targets: list[Tensor] = []
        self._probes: list[Tensor] = []
        for spare in self._spares:
            function = SPARE_VARIABLES[spare.variable]
            values = [[function(tokens, position) for position in range(len(tokens))] for tokens in inputs]
            known = {value: code for code, value in enumerate(sorted({v for row in values for v in row}, key=str))}
            self._targets.append(torch.tensor([[known[value] for value in row] for row in values]))
            drawn = torch.randn(network.architecture.d_model, len(known), generator=generator)
            self._probes.append(_LOUDNESS * drawn / network.architecture.d_model**0.5)

    @cached_property
    def _places(self) -> list[int]:
        return [self._graph.source_index[spare.component] for spare in self._spares]

    def loss(self, sources: Tensor, rows: Rows) -> Tensor:
        """Cross-entropy of what the probes read in runs with nothing cut.

        Args:
            sources: What each source writes [source, row, position, d_model].
            rows: The runs.
        """
        total = sources.new_zeros(())
        plain = torch.nonzero(~rows.swap.any(1))[:, 0] if rows.swap is not None else torch.arange(len(rows))
        for place, target, probe in zip(self._places, self._targets, self._probes, strict=True):
            read = sources[place, plain, 1:] @ probe.to(sources)
            total = total + F.cross_entropy(read.flatten(0, 1), target[rows.inputs[plain]].flatten())
        return _WEIGHT * total
