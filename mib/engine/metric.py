"""What the engine and methods ask of a metric."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

Logits = Float[Tensor, "batch position output"]
Examples = Int[Tensor, "batch"]


@runtime_checkable
class Metric(Protocol):
    """A number an example, differentiable where a method needs gradients.

    One that reads no logits before some position may say so by an attribute ``first_position``, which may count from
    the end: the engine of its task does not compute those logits, and has NaN in their place. One that holds answers
    may say by an attribute ``shape`` of how many examples and positions (None: any) they are; a task of other inputs
    refuses it.
    """

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Score a batch.

        Args:
            logits: Logits of the model.
            examples: Example of the task that each row belongs to.

        Returns:
            One number a row; higher is better.
        """
        ...


def first_position(metric: Metric, n_positions: int) -> int:
    """The first position whose logits a metric reads, counted from 0; 0 if it does not say."""
    return int(getattr(metric, "first_position", 0)) % n_positions
