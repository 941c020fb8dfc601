"""Count runs as they come in."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundtruth.trained.certificate import Claim
from groundtruth.trained.domain_runs import DomainRuns

_KEPT = 64
"""Number of wrong pairs that are kept, for witnesses and for training to repair."""


@dataclass
class Tally:
    """Runs as they come in: how many, how many wrong, the worst, and the first pairs that are wrong.

    Attributes:
        runs: Number of runs.
        wrong: In how many the output was not what it should be.
        margin: The smallest distance of the right answer's logit from any other.
        worst: The pair that has it.
        pairs: The first pairs that are wrong.
        partly: In how many runs nothing was asked at some position.
    """

    runs: int = 0
    wrong: int = 0
    margin: float = float("inf")
    worst: tuple[int, int] | None = None
    pairs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    partly: int = 0

    def add(self, inputs: Tensor, donors: Tensor, margins: Tensor) -> None:
        """Count a batch of pairs, given how far each is from another output; not positive where it is wrong."""
        self.runs += len(inputs)
        least = int(margins.argmin())
        # Strictly less: of equal margins the first pair counts, however runs are cut into batches.
        if float(margins[least]) < self.margin:
            self.margin = float(margins[least])
            self.worst = int(inputs[least]), int(donors[least])
        wrong = torch.nonzero(margins <= 0)[:, 0]
        self.wrong += len(wrong)
        some = wrong[: max(0, _KEPT - len(self.pairs))]
        self.pairs += zip(inputs[some].tolist(), donors[some].tolist(), strict=True)

    def add_asked(self, codes: Tensor, inputs: Tensor, donors: Tensor, margins: Tensor) -> None:
        """Count those of a batch of pairs on which something is asked.

        Args:
            codes: Codes that should come out; below -1 where nothing is asked [pair, position].
            inputs: Likewise.
            donors: Likewise.
            margins: Likewise.
        """
        asked = codes >= -1
        some = torch.nonzero(asked.any(1))[:, 0]
        if len(some):
            self.add(inputs[some], donors[some], margins[some])
            self.partly += int((~asked[some]).any(1).sum())

    def claim(self, runs: DomainRuns, *, donor: bool) -> Claim:
        """The claim that they make.

        Args:
            runs: Says which inputs the numbers stand for.
            donor: Whether there are donors.
        """
        pair = self.worst or ()
        return Claim(self.runs, self.wrong, self.margin, tuple(runs.inputs[i] for i in pair[: 2 if donor else 1]))
