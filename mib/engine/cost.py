"""What a method cost, counted and not guessed."""

from dataclasses import dataclass


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
