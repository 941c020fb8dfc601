"""How large a generated program may be."""

from dataclasses import dataclass, fields
from typing import Any, Self

from groundtruth.errors import ProgramError
from groundtruth.generated.choices import ALPHABET

Range = tuple[int, int]

LIMITS: dict[str, Range] = {"depth": (1, 12), "heads": (1, 8), "vocab": (2, 6), "length": (2, 8), "live": (1, 40)}
"""Range of each bound: larger models compile too, but their proofs take minutes."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Bounds of generated programs; each is (least, most), both included.

    Attributes:
        depth: Layers of the compiled transformer.
        heads: Heads of its widest layer.
        vocab: Different tokens.
        length: Tokens of the longest input, without BOS; the shortest has one.
        live: Least and most live edges under resample ablation.
        causal: True if some programs are for causal attention.

    Raises:
        ProgramError: For a bound that is no range, or outside what can be generated.
    """

    depth: Range = (1, 3)
    heads: Range = (1, 4)
    vocab: Range = (2, 3)
    length: Range = (2, 4)
    live: Range = (2, 40)
    causal: bool = True

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            given: Any = getattr(self, name)
            if not _is_range(given) or not least <= given[0] <= given[1] <= most:
                raise ProgramError(
                    f"{name}={given!r} is no range of a generated program; give (least, most) with "
                    f"{least} <= least <= most <= {most}."
                )

    @property
    def code(self) -> str:
        """The bounds as text of one length."""
        numbers = [number for name in LIMITS for number in getattr(self, name)]
        return "".join(ALPHABET[number] for number in (*numbers, int(self.causal)))

    @classmethod
    def parse(cls, code: str) -> Self:
        """The bounds of a code.

        Raises:
            ProgramError: If it is none.
        """
        if len(code) != 2 * len(LIMITS) + 1 or any(letter not in ALPHABET for letter in code):
            raise ProgramError(f"{code!r} is no code of bounds; it has {2 * len(LIMITS) + 1} letters or digits.")
        numbers = [ALPHABET.index(letter) for letter in code]
        ranges = {name: (numbers[2 * i], numbers[2 * i + 1]) for i, name in enumerate(LIMITS)}
        return cls(**ranges, causal=bool(numbers[-1]))

    def __str__(self) -> str:
        ranges = (f"{field.name} {_spell(getattr(self, field.name))}" for field in fields(self) if field.name in LIMITS)
        return ", ".join(ranges) + (", some causal" if self.causal else "")


def parse_range(text: str, *, name: str) -> Range:
    """A range as one writes it: ``3..8``, or ``4`` for 4..4.

    Args:
        text: Text that was written.
        name: Name of the option, for the error.

    Raises:
        ProgramError: If it is neither.
    """
    least, dots, most = text.partition("..")
    try:
        return int(least), int(most if dots else least)
    except ValueError:
        raise ProgramError(f"{name}={text!r} is no range; write 3..8, or 4 for exactly four.") from None


def _spell(given: Range) -> str:
    return str(given[0]) if given[0] == given[1] else f"{given[0]}..{given[1]}"


def _is_range(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and all(type(item) is int for item in given)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
