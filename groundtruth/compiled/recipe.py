"""How a variant was made from a compiled model: the steps, so that anybody can make it again."""

from dataclasses import dataclass
from typing import Any

BLURRING = ("soft", "noise")
"""Steps after which directions hold the values of variables only nearly; a variable's ``spread`` says how nearly."""


@dataclass(frozen=True)
class Step:
    """One transformation of a model.

    Attributes:
        name: Name of a symmetry or of a hardening.
        seed: Seed of its random choices.
        parameters: Further arguments and measurements, as (name, value); values are JSON's.
    """

    name: str
    seed: int
    parameters: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        spelt = [
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in self.parameters
        ]
        return f"{self.name}({', '.join([f'seed={self.seed}', *spelt])})"
