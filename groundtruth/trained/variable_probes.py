"""Fixed random probes that read variables from what components write, as a part of the training loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from groundtruth.trained.training_rows import Rows
from mib.graph import Graph

_NOTHING = -100
"""The code where a variable has no value: nothing is asked of the probe there."""


class VariableProbes:
    """Fixed random probes of components, and the values that each should read.

    Args:
        graph: Its sources are the components.
        d_model: Width of what they write.
        variables: A component with the values of a variable on every input [input][position], for each probe.
        scale: Size of the probes: the smaller, the louder a component has to be.
        weight: Weight of the loss.
        generator: Draws the probes.
    """

    def __init__(
        self,
        graph: Graph,
        d_model: int,
        variables: Sequence[tuple[str, Sequence[Sequence[object]]]],
        *,
        scale: float,
        weight: float,
        generator: torch.Generator,
    ) -> None:
        self._weight = weight
        self._places = [graph.source_index[component] for component, _ in variables]
        self._targets: list[Tensor] = []
        self._probes: list[Tensor] = []
        for _, values in variables:
            held = sorted({value for row in values for value in row if value is not None}, key=str)
            known: dict[object, int] = {value: code for code, value in enumerate(held)}
            self._targets.append(torch.tensor([[known.get(value, _NOTHING) for value in row] for row in values]))
            # Fixed and random: a probe that learned could read a faint variable, and then nothing would make it loud.
            drawn = torch.randn(d_model, len(known), generator=generator)
            self._probes.append(scale * drawn / d_model**0.5)

    def loss(self, sources: Tensor, rows: Rows) -> Tensor:
        """Cross-entropy of what the probes read in runs with nothing cut.

        Args:
            sources: Outputs of each source [source, row, position, d_model].
            rows: The runs.
        """
        total = sources.new_zeros(())
        # In a run with sources replaced, a component holds a value that is not its input's.
        plain = torch.nonzero(~rows.swap.any(1))[:, 0] if rows.swap is not None else torch.arange(len(rows))
        for place, target, probe in zip(self._places, self._targets, self._probes, strict=True):
            read = sources[place, plain, 1:] @ probe.to(sources)
            wanted = target[rows.inputs[plain]].flatten()
            total = total + F.cross_entropy(read.flatten(0, 1), wanted, ignore_index=_NOTHING)
        return self._weight * total
