"""What a cell asks of a method on a model, in the terms of one track."""

from dataclasses import dataclass
from typing import ClassVar

from groundtruth.errors import DomainError
from mib.levels import Level
from mib.metrics.circuit_selection import MAX_SIZES

N_PAIRS = 128
"""Number of examples of a task by default."""


@dataclass(frozen=True)
class Sizes:
    """How many pairs a task has in each part; where there are fewer pairs, in the same proportions.

    Attributes:
        train: Pairs to learn from.
        validation: Pairs to choose by.
        test: Pairs to be scored on.
    """

    train: int = 500
    validation: int = 150
    test: int = 500

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 1:
                raise DomainError(f"{name}={getattr(self, name)} leaves no pair; use at least 1.")

    @property
    def total(self) -> int:
        """Number of all pairs."""
        return self.train + self.validation + self.test


SIZES = Sizes()


@dataclass(frozen=True)
class CircuitSetting:
    """What a cell of the circuit track asks.

    Attributes:
        ablation: Name of what flows along cut edges.
        level: Parts that the method scores.
        lengths: Lengths of the inputs; ``None``: the model's own.
        n_pairs: Number of examples, at most.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most.
    """

    ablation: str = "resample"
    level: Level = "edge"
    lengths: str | None = None
    n_pairs: int = N_PAIRS
    max_sizes: int = MAX_SIZES

    track: ClassVar[str] = "circuits"

    def place(self, subject: str) -> str:
        """Name what methods are compared on: the subject itself."""
        return subject


@dataclass(frozen=True)
class VariableSetting:
    """What a cell of the variable track asks.

    Attributes:
        variable: Name or label of the variable.
        site: Site at which it is sought; of a language model with the name of a position, ``residual.1.post@last``.
        sizes: Number of pairs to learn from, choose by and score on.
        controls: True if the method is also run where there is nothing to find.
    """

    variable: str
    site: str
    sizes: Sizes = SIZES
    controls: bool = True

    track: ClassVar[str] = "variables"

    @property
    def ablation(self) -> str:
        """Empty: variables are swapped, not ablated."""
        return ""

    @property
    def level(self) -> Level:
        """The level of methods that have none: they find a subspace, and score no parts."""
        return "edge"

    def place(self, subject: str) -> str:
        """Name what methods are compared on: the variable at its site, ``reverse:opposite@residual.2.post``."""
        return f"{subject}:{self.variable}@{self.site}"


Setting = CircuitSetting | VariableSetting
