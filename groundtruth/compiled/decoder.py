"""From logits to the values that a program gives, and when two outputs count as the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

NONE_BELOW = 1e-2
"""A categorical output none of whose directions reaches this is RASP's ``None``: nothing was selected."""

TIE = 1e-6
"""Logits this close count as equal; the first value wins, whatever the rounding."""

NUMERIC_TOLERANCE = 1e-6
"""Numbers this close (relative to 1 or their size) count as equal."""

_NONE = -1
_NEVER = -2


@dataclass(frozen=True)
class Decoder:
    """Reads a model's output.

    Attributes:
        values: The value of each output direction; empty for a numerical output.
        centered: True if logits are read relative to their mean over the values, so that what is added to all of them
            changes nothing.
    """

    values: tuple[Any, ...]
    centered: bool = False

    @property
    def categorical(self) -> bool:
        """True if the output is one of finitely many values."""
        return bool(self.values)

    def read(self, logits: Tensor) -> Tensor:
        """Read the logits, or their distances from their mean; linear, so it reads ``W_U`` likewise."""
        return logits - logits.mean(-1, keepdim=True) if self.centered else logits

    def codes(self, logits: Tensor) -> Tensor:
        """One number a position [..., position] that says what is decoded there.

        Categorical: the index of the value, -1 for ``None``. Numerical: the number itself.

        Args:
            logits: [..., position, output].
        """
        if not self.categorical:
            return logits[..., 0]
        logits = self.read(logits)
        best = logits.max(-1, keepdim=True).values
        # Not `argmax`: of logits that are equal up to rounding it would take now one and now another.
        first = (logits >= best - TIE).to(torch.uint8).argmax(-1)
        return torch.where(best[..., 0] >= NONE_BELOW, first, torch.full_like(first, _NONE))

    def differ(self, left: Tensor, right: Tensor) -> Tensor:
        """Find where two arrays of codes stand for different outputs."""
        if self.categorical:
            return left != right
        # Negated, so that NaN, which no program gives, differs from everything.
        return ~((left - right).abs() <= NUMERIC_TOLERANCE * right.abs().clamp(min=1.0))

    def encode(self, values: Sequence[Any]) -> Tensor:
        """The codes [value] of values that a program gives; a value that no output can stand for has one of its own.

        Args:
            values: Values of the program's output, ``None`` among them.
        """
        if self.categorical:
            # A value that no output stands for has a code that no run gives, so that it counts as wrong and not as
            # missing.
            known = {value: code for code, value in enumerate(self.values)} | {None: _NONE}
            return torch.tensor([known.get(value, _NEVER) for value in values])
        numbers = [float(value) if isinstance(value, Real) else float("nan") for value in values]
        return torch.tensor(numbers, dtype=torch.float64)

    def decode(self, codes: Tensor | NDArray[Any]) -> list[Any]:
        """The values that the codes of one sequence stand for."""
        if not self.categorical:
            return [float(code) for code in codes]
        return [None if code == _NONE else self.values[int(code)] for code in codes]

    def agrees(self, actual: Sequence[Any], expected: Sequence[Any]) -> bool:
        """Tell whether a model's values are the program's."""
        if len(actual) != len(expected):
            return False
        if self.categorical:
            return list(actual) == list(expected)
        return not bool(self.differ(self.encode(actual), self.encode(expected)).any())
