"""Which pairs a method learns from, which it chooses by, and which it is scored on."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Int
from torch import Tensor

from mib.errors import TaskError


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of examples, no example in two parts.

    Attributes:
        train: Examples that a method learns from.
        validation: Examples that it chooses by, when to stop for one; may be empty.
        test: Examples that it is scored on; a method has no business here.
    """

    train: Int[Tensor, "train"]
    validation: Int[Tensor, "validation"]
    test: Int[Tensor, "test"]

    def __post_init__(self) -> None:
        together = torch.cat((self.train, self.validation, self.test))
        if len(together.unique()) < len(together):
            values, counts = together.unique(return_counts=True)
            raise TaskError(
                f"split: example {int(values[counts > 1][0])} is in two places; the parts must not overlap."
            )

    @classmethod
    def random(cls, n: int, *, seed: int = 0, validation: float = 0.2, test: float = 0.2) -> Self:
        """Examples 0 to n - 1, shuffled.

        Args:
            n: Number of examples.
            seed: Seed of the shuffle.
            validation: Share to choose by.
            test: Share to be scored on.

        Raises:
            TaskError: If the shares leave nothing to learn from.
        """
        if validation < 0 or test < 0 or validation + test >= 1:
            raise TaskError(f"validation={validation} and test={test}: use shares from 0 that add up to less than 1.")
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        # The rest is for training, so that no example is lost to rounding.
        n_test, n_validation = round(test * n), round(validation * n)
        return cls(order[n_test + n_validation :], order[n_test : n_test + n_validation], order[:n_test])

    def check(self, n: int) -> None:
        """Refuse numbers of examples that do not exist.

        Raises:
            TaskError: If there is one.
        """
        for name in ("train", "validation", "test"):
            part: Tensor = getattr(self, name)
            outside = part[(part < 0) | (part >= n)]
            if len(outside):
                raise TaskError(f"split.{name} names example {int(outside[0])}; the task has examples 0 to {n - 1}.")
