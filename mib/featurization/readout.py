"""What the output of an interchange is held against."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Logits = Float[Tensor, "batch position output"]
Examples = Int[Tensor, "batch"]
Readout = Callable[[Tensor, Tensor], Tensor]
"""From logits and numbers of examples to what is expected: numbers [batch] or [batch, place], or scores of answers
[batch, place, answer]."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions of a hypothesis: outputs, or numbers.

    Attributes:
        expected: [example, place], indices of outputs or numbers.
        mask: Positions at which they count.
        readout: Numbers, or scores of answers, from logits; None to read the logits themselves.
        tolerance: Numbers this close count as equal.
    """

    expected: Int[Tensor, "example place"] | Float[Tensor, "example place"]
    mask: Bool[Tensor, "example place"]
    readout: Readout | None
    tolerance: float

    @property
    def categorical(self) -> bool:
        """True if one of several outputs is expected, not a number."""
        return not self.expected.is_floating_point()

    def loss(self, logits: Logits, examples: Examples) -> Float[Tensor, ""]:
        """Mean over all places that count: cross-entropy, or the squared distance of numbers."""
        wanted, counts = self._of(examples, logits)
        if self.categorical:
            chosen = self._scores(logits, examples)[counts]
            # A sum of many exponentials in half precision has no digits left for a gradient.
            wide = chosen if chosen.dtype == torch.float64 else chosen.float()
            losses = F.cross_entropy(wide, wanted[counts], reduction="none")
        else:
            losses = (self._numbers(logits, examples) - wanted)[counts].square()
        return losses.mean()

    def n_places(self, examples: Examples) -> int:
        """Return how many places count in some examples: the weight of their loss in that of a larger batch."""
        return int(self.mask[examples.to(self.mask.device)].sum())

    def right(self, logits: Logits, examples: Examples) -> Bool[Tensor, "batch"]:
        """Tell whether the output is as expected at every place that counts."""
        wanted, counts = self._of(examples, logits)
        if self.categorical:
            right = self._scores(logits, examples).argmax(-1) == wanted
        else:
            right = (self._numbers(logits, examples) - wanted).abs() <= self.tolerance
        # Right only if every place is: half of an answer is none.
        return (right | ~counts).all(1)

    def squared_error(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Mean squared distance of numbers over the places of each example; MIB's score of IOI is its mean."""
        wanted, counts = self._of(examples, logits)
        squares = torch.where(counts, (self._numbers(logits, examples) - wanted).square(), 0.0)
        return squares.sum(1) / counts.sum(1)

    def _of(self, examples: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        index = examples.to(self.expected.device)
        wanted = self.expected[index].to(logits.device)
        return wanted if self.categorical else wanted.to(logits.dtype), self.mask[index].to(logits.device)

    def _scores(self, logits: Tensor, examples: Tensor) -> Tensor:
        return logits if self.readout is None else self.readout(logits, examples)

    def _numbers(self, logits: Tensor, examples: Tensor) -> Tensor:
        if self.readout is None:
            return logits[..., 0]
        numbers = self.readout(logits, examples)
        return numbers[:, None] if numbers.ndim == 1 else numbers
