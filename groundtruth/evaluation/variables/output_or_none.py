"""What a featurization task reads off a categorical model: a score of each output, and one of ``None`` after them."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from groundtruth.compiled.decoder import NONE_BELOW, Decoder


@dataclass(frozen=True)
class OutputOrNone:
    """Scores of a model's outputs as its decoder reads them, and of ``None``, which it says where all are below.

    Attributes:
        centered: True if the decoder reads logits relative to their mean.
    """

    centered: bool

    def __call__(self, logits: Tensor, examples: Tensor) -> Tensor:
        """[batch, position, output + 1]."""
        # The threshold is one of what is read: beside logits to which anything may be added it would mean nothing. The
        # decoder is made here, without its values, which are no business of a method that holds the task.
        read = Decoder((), self.centered).read(logits)
        return F.pad(read, (0, 1), value=NONE_BELOW)
