"""Count runs as they come in."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundtruth.trained.certificate import Claim
from groundtruth.trained.domain_runs import DomainRuns

_KEPT = 64
"""So many wrong pairs are kept, for witnesses and for training to repair."""


@dataclass
class Tally:
    """Runs as they come in: how many, how many wrong, the worst, and the first pairs that are wrong."""

    runs: int = 0
    wrong: int = 0
    margin: float = float("inf")
    worst: tuple[int, int] | None = None
    pairs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(self, inputs: Tensor, donors: Tensor, margins: Tensor) -> None:
        """Count a batch of pairs, given how far each is from another output; not positive where it is wrong."""
        self.runs += len(inputs)
        least = int(margins.argmin())
        if float(margins[least]) < self.margin:
            self.margin = float(margins[least])
            self.worst = int(inputs[least]), int(donors[least])
        wrong = torch.nonzero(margins <= 0)[:, 0]
        self.wrong += len(wrong)
        some = wrong[: max(0, _KEPT - len(self.pairs))]
        self.pairs += zip(inputs[some].tolist(), donors[some].tolist(), strict=True)

    def claim(self, runs: DomainRuns, *, donor: bool) -> Claim:
        """The claim that they make.

        Args:
            runs: Says which inputs the numbers stand for.
            donor: Whether there are donors.
        """
        pair = self.worst or ()
        return Claim(self.runs, self.wrong, self.margin, tuple(runs.inputs[i] for i in pair[: 2 if donor else 1]))
