"""Where a generated program's decisions come from: a seed, Hypothesis, or the code of a program drawn before.

Every decision is one whole number from 0 on, and 0 is the simplest, so that whatever makes the numbers smaller (as
Hypothesis does) makes the program simpler. The numbers that were drawn, one character each, are the program's code.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from groundtruth.errors import ProgramError

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""One character a number; nothing that a shell or a file system would mind."""

T = TypeVar("T")


class Source(Protocol):
    """Draws whole numbers."""

    def __call__(self, n: int, /) -> int:
        """A number from 0 to n - 1."""
        ...


class Choices:
    """Decisions, and the record of them.

    Args:
        source: Function that draws a number below a given one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.drawn: list[int] = []

    def below(self, n: int) -> int:
        """A number from 0 to n - 1; nothing is drawn where there is but one."""
        if n <= 1:
            return 0
        number = self._source(min(n, len(ALPHABET)))
        self.drawn.append(number)
        return number

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included; low is the simplest."""
        return low + self.below(high - low + 1)

    def one_of(self, options: Sequence[T]) -> T:
        """One of some options; the first is the simplest."""
        return options[self.below(len(options))]

    def rotated(self, options: Sequence[T]) -> Iterable[T]:
        """All options in their order, from a drawn one on."""
        start = self.below(len(options))
        return (*options[start:], *options[:start])

    def maybe(self, one_in: int) -> bool:
        """True once in so many draws; False is the simplest."""
        return self.below(one_in) == one_in - 1


def seeded(rng: random.Random) -> Choices:
    """Decisions of a seeded generator; ``Random.randrange`` is the same on every machine."""
    return Choices(rng.randrange)


def drawn_by(draw: Callable[[int], int]) -> Choices:
    """Decisions of something else, such as Hypothesis."""
    return Choices(draw)


def replayed(code: str) -> Choices:
    """The decisions of a code; after its end always the simplest.

    Raises:
        ProgramError: For a character that is none of ``ALPHABET``.
    """
    wrong = next((letter for letter in code if letter not in ALPHABET), None)
    if wrong is not None:
        raise ProgramError(f"{wrong!r} in {code!r} is not part of a code; codes have letters and digits only.")
    numbers = iter([ALPHABET.index(letter) for letter in code])
    return Choices(lambda n: min(next(numbers, 0), n - 1))


def code_of(drawn: Iterable[int]) -> str:
    """The numbers as text, without the zeros at the end, which come back by themselves."""
    return "".join(ALPHABET[number] for number in drawn).rstrip("0")
