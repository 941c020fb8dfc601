"""The measure of tasks with several right answers."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.metric import Examples, Logits
from mib.errors import TaskError, shorten


@dataclass(frozen=True, eq=False)
class ProbabilityDifference:
    """Probability of the right answers minus that of the wrong ones, at the last position.

    Attributes:
        candidates: Tokens of all answers that are considered.
        right: True for those that are right, [example, candidate]; at least one of each kind an example.

    Source: Hanna et al. (2023), section 3, https://arxiv.org/abs/2305.00586
    """

    candidates: Int[Tensor, "candidate"]
    right: Bool[Tensor, "example candidate"]

    def __post_init__(self) -> None:
        if self.right.ndim != 2 or self.right.shape[1] != len(self.candidates) or self.right.dtype != torch.bool:
            raise TaskError(
                f"right has shape {tuple(self.right.shape)} ({self.right.dtype}); expected bool, [example, candidate] "
                f"with {len(self.candidates)} candidates."
            )
        empty = (~self.right.any(1) | self.right.all(1)).nonzero()[:, 0].tolist()
        if empty:
            raise TaskError(f"right has no right or no wrong candidate in {len(empty)} examples: {shorten(empty)}.")

    @property
    def first_position(self) -> int:
        """The last."""
        return -1

    @property
    def shape(self) -> tuple[int, None]:
        """Number of examples that the answers are of; of positions only the last is read."""
        return len(self.right), None

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Sum of the probabilities of the right candidates minus that of the others, within the whole vocabulary."""
        # Over the whole vocabulary first: what goes to no candidate counts for neither side.
        probabilities = logits[:, -1].softmax(-1)[:, self.candidates.to(logits.device)]
        sign = 2 * self.right[examples.to(self.right.device)].to(probabilities) - 1
        return (probabilities * sign).sum(-1)
