"""A pitfall: a demonstration that a usual metric is content with what the truth shows to be wrong."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass

from groundtruth.errors import GroundTruthError
from mib.registry import Registry


@dataclass(frozen=True)
class Finding:
    """One number of a demonstration, and what it must be for the pitfall to show.

    Attributes:
        what: The metric, in words.
        value: The measured number.
        least: The least that it may be; ``None``: no bound.
        most: The most that it may be; ``None``: no bound.
        counts: True if it is a whole number of something, not a share.
    """

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    counts: bool = False

    @property
    def holds(self) -> bool:
        """True if the number is within its bounds; NaN never is."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def bound(self) -> str:
        """Its bounds, in words."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


@dataclass(frozen=True)
class Demonstration:
    """Numbers of one demonstration.

    Attributes:
        naive: Numbers of a usual metric.
        truth: Numbers of the exact truth.
    """

    naive: tuple[Finding, ...]
    truth: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The numbers that no longer show the pitfall."""
        return tuple(finding for finding in (*self.naive, *self.truth) if not finding.holds)


@dataclass(frozen=True)
class Outcome:
    """A pitfall that was run.

    Attributes:
        pitfall: Which.
        demonstration: Its numbers.
        seed: Seed of its random choices.
        seconds: How long it took.
    """

    pitfall: Pitfall
    demonstration: Demonstration
    seed: int
    seconds: float

    @property
    def shown(self) -> bool:
        """True if every number is what the pitfall claims."""
        return not self.demonstration.failures


@dataclass(frozen=True)
class Pitfall:
    """A registered demonstration.

    Attributes:
        name: In lists and on the command line.
        measure: Runs it; every number is computed when it is called.
        why: One sentence: why the naive metric is fooled.
        instead: One sentence: what to do instead.
        source: Who described it.
    """

    name: str
    measure: Callable[..., Demonstration]
    why: str
    instead: str
    source: str

    @property
    def description(self) -> str:
        """The demonstration in full: the docstring of its function, up to the arguments."""
        return " ".join((inspect.getdoc(self.measure) or "").partition("Args:")[0].replace("``", "").split())

    def run(self, *, seed: int = 0) -> Outcome:
        """Run the demonstration.

        Args:
            seed: Seed of every random choice; the same seed gives the same numbers.
        """
        start = time.perf_counter()
        found = self.measure(seed=seed)
        return Outcome(self, found, seed, time.perf_counter() - start)


PITFALLS: Registry[Pitfall] = Registry("pitfall", error=GroundTruthError, plugins="groundtruth.pitfalls")
"""All pitfalls; a package adds its own by naming a module in the entry-point group ``groundtruth.pitfalls``."""

get = PITFALLS.get


def pitfall(name: str, *, why: str, instead: str, source: str) -> Callable[[Callable[..., Demonstration]], Pitfall]:
    """Register a demonstration.

    Args:
        name: Lower case, words joined by hyphens.
        why: One sentence.
        instead: One sentence.
        source: Authors, year, and where to find it.

    Raises:
        GroundTruthError: If the name is taken, the function has no docstring or takes no seed.
    """

    def make(measure: Callable[..., Demonstration]) -> Pitfall:
        if list(inspect.signature(measure).parameters) != ["seed"]:
            raise GroundTruthError(
                f"pitfall '{name}' must take a seed and nothing else: def {measure.__name__}(*, seed)."
            )
        return Pitfall(name, measure, why, instead, source)

    return PITFALLS.register(make, name=name)


def names() -> tuple[str, ...]:
    """Names of all pitfalls, in the order in which they are told."""
    return tuple(PITFALLS.entries())
