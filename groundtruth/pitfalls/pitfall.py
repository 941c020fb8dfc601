"""A pitfall: a demonstration that a usual metric is content with what the truth shows to be wrong."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundtruth.errors import GroundTruthError
from groundtruth.model import CompiledModel
from mib.featurization import FeaturizationTask, Featurizer
from mib.featurization.autoencoder import SparseAutoencoder
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


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """A way back from features that knows the hypothesis: for each pair of states the output that it predicts.

    Attributes:
        states: Every state that the task can ask about [state, d_site].
        answers: Predicted output for each state of the base and of the source; -1 where none is asked for.
        vectors: A vector for each output that makes a network give it [output, d_site].
    """

    states: Tensor
    answers: Tensor
    vectors: Tensor

    def look_up(self, features: Tensor, error: Tensor) -> Tensor:
        """The vector that gives what is predicted of two states; of one state alone that state."""
        flat, rest = features.flatten(0, -2), error.flatten(0, -2)
        answer = self.answers[nearest(rest, self.states), nearest(flat, self.states)]
        found = torch.where((answer < 0)[:, None], flat, self.vectors[answer.clamp(min=0)])
        return torch.where((flat == rest).all(-1, keepdim=True), flat, found).view_as(features)


def nearest(vectors: Tensor, states: Tensor) -> Tensor:
    """The state that each vector is nearest to, as a row of ``states``."""
    return torch.cdist(vectors, states).argmin(1)


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A featurizer that a demonstration measured, on the task that it was measured on.

    Attributes:
        task: Pairs, with what is expected when the variable is swapped.
        featurizer: Features that were swapped.
        inside: Autoencoder or table that computes the features, where the featurizer does not show it.
    """

    task: FeaturizationTask
    featurizer: Featurizer
    inside: SparseAutoencoder | AnswerTable | None = None


@dataclass(frozen=True)
class Demonstration:
    """Numbers of one demonstration.

    Attributes:
        naive: Numbers of a usual metric.
        truth: Numbers of the exact truth.
        model: Compiled model that it is about.
        exhibits: Featurizers that the numbers are about, by name, for whoever wants to look at one example.
    """

    naive: tuple[Finding, ...]
    truth: tuple[Finding, ...]
    model: CompiledModel | None = None
    exhibits: Mapping[str, Exhibit] = field(default_factory=dict[str, Exhibit])

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The numbers that no longer show the pitfall."""
        return tuple(finding for finding in (*self.naive, *self.truth) if not finding.holds)


@dataclass(frozen=True)
class Outcome:
    """A pitfall that was run.

    Attributes:
        pitfall: The pitfall.
        demonstration: Its numbers.
        seed: Seed of its random choices.
        seconds: Time that it took.
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
