"""What a method cost, counted and not guessed; and how many passes one will take."""

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["exact", "at most"]


@dataclass
class Cost:
    """How much of the model was run, in examples.

    Attributes:
        forward: Examples run forward. A run that starts at a later layer counts as the share of layers that it ran.
        backward: Examples run backward, counted in the same way.
        rows: Circuit runs that were asked for, however short.
    """

    forward: float = 0.0
    backward: float = 0.0
    rows: int = 0

    def passes(self, n_examples: int) -> float:
        """Forward and backward passes over a data set of ``n_examples``."""
        return (self.forward + self.backward) / n_examples


@dataclass(frozen=True)
class Passes:
    """Passes over the examples.

    Attributes:
        forward: Forward passes; a run that starts at a later layer counts as the share of layers that it runs.
        backward: Backward passes, counted in the same way.
        certainty: ``exact``, or ``at most`` where it depends on the data.
    """

    forward: float
    backward: float = 0.0
    certainty: Certainty = "exact"

    def __add__(self, other: "Passes") -> "Passes":
        certainty = "exact" if self.certainty == other.certainty == "exact" else "at most"
        return Passes(self.forward + other.forward, self.backward + other.backward, certainty)
