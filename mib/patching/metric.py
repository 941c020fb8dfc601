"""What the engine and methods ask of a metric."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

Logits = Float[Tensor, "batch position output"]
Examples = Int[Tensor, "batch"]


@runtime_checkable
class Metric(Protocol):
    """A number an example, differentiable where a method needs gradients."""

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Score a batch.

        Args:
            logits: What the model put out.
            examples: Which example of the task each row belongs to.

        Returns:
            One number a row; higher is better.
        """
        ...
