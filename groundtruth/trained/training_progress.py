"""Where a training run is, and which part of it is done."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """Where a training run is.

    Attributes:
        phase: ``wired``, ``wired, repair 1``, ..., ``strict``, ``repair 1``, ..., and ``certificate`` at the end.
        step: Steps done in this phase.
        steps: Steps of this phase.
        loss: The last loss.
        worst: The smallest margin among the last rows.
        share: Share of the whole run that is done, at least: a phase may end early, and repairs may not be needed.
    """

    phase: str
    step: int
    steps: int
    loss: float = float("nan")
    worst: float = float("nan")
    share: float = 0.0


Progress = Callable[[Moment], None]

TRAINED = 0.8
"""Share of a run that is over, about, when the network is trained and its certificate begins."""


def certificate_progress(progress: Progress | None) -> Callable[[str, float], None] | None:
    """Tell of a certificate what is told of the training before it."""
    if progress is None:
        return None
    return lambda _, share: progress(
        Moment("certificate", round(100 * share), 100, share=TRAINED + (1 - TRAINED) * share)
    )
