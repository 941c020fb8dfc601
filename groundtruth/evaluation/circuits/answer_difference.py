"""What a task on a categorical model measures, with ``None`` (nothing selected) as an answer like any other."""

from dataclasses import dataclass
from typing import Self

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.metric import Examples, Logits
from mib.metrics.answer_metrics import LogitDifference


@dataclass(frozen=True, eq=False)
class AnswerDifference:
    """Logit of the clean answer minus that of the counterfactual answer, averaged over the positions that count.

    A compiled model says ``None`` by logits that are all 0, so the logit of ``None`` is 0.

    Attributes:
        difference: The same, with the index after the last output for ``None``.
    """

    difference: LogitDifference

    @classmethod
    def of(
        cls,
        correct: Int[Tensor, "example position"],
        incorrect: Int[Tensor, "example position"],
        mask: Bool[Tensor, "example position"],
        *,
        n_outputs: int,
    ) -> Self:
        """The difference of answers that are codes of a decoder.

        Args:
            correct: The clean answer at each position; -1 for ``None``.
            incorrect: The counterfactual answer.
            mask: Positions that count: those where the two differ.
            n_outputs: Number of outputs that the model has.
        """
        # The column that `__call__` adds, so that gathering -1 does not take the last output instead.
        right, wrong = (answer.masked_fill(answer < 0, n_outputs) for answer in (correct, incorrect))
        return cls(LogitDifference(right, wrong, mask))

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Mean over the positions that count of logit[correct] - logit[incorrect]."""
        return self.difference(F.pad(logits, (0, 1)), examples)
