"""What is known about a variable: at which sites it can be intervened on, with which effect, and how that was shown."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.staged_variable import StagedVariable
from groundtruth.truth.variables.variable import Reader, Variable

State = Literal["live", "partly live", "dead"]
Pairs = Literal["fixed", "mixed", "one position", "moved"]

SPREAD = 1e-6
"""Distance by which what a variable's directions hold may differ from the state of its value."""


@dataclass(frozen=True)
class Failure:
    """An interchange after which the model does not give what the causal model gives.

    Attributes:
        base: The input that was run.
        source: Input that the values came from.
        positions: At which positions, from 0, without BOS.
        expected: Output of the causal model.
        actual: Output of the model.
    """

    base: tuple[Any, ...]
    source: tuple[Any, ...]
    positions: tuple[int, ...]
    expected: tuple[Any, ...]
    actual: tuple[Any, ...]

    def __str__(self) -> str:
        spell = lambda values: " ".join(map(str, values))  # noqa: E731
        return (
            f"from {spell(self.source)} into {spell(self.base)} at positions {spell(self.positions)}: "
            f"the model gives {spell(self.actual)}, the causal model {spell(self.expected)}"
        )


@dataclass(frozen=True)
class Interchanges:
    """The outcome of interchanges of one kind at one site.

    Attributes:
        pairs: ``fixed``: at all positions, between inputs of one length. ``mixed``: between inputs of different
            lengths, at all positions that both have. ``one position``: at one position that both have, any lengths.
            ``moved``: at one position, with the value that any input has at another position.
        tried: Number of interchanges; at one position also over the positions.
        undefined: For how many the causal model has no value at some position (see
            ``groundtruth.truth.variables.rasp_causal_model``); they say nothing.
        distinguishing: After how many the causal model's output is not the base's: what a no-op gets wrong.
        wrong: After how many the model's output is not the causal model's.
        exhaustive: True if these are all interchanges of the kind between inputs of the domain.
        failure: The first that is wrong.
    """

    pairs: Pairs
    tried: int
    undefined: int
    distinguishing: int
    wrong: int
    exhaustive: bool
    failure: Failure | None = None

    @property
    def accuracy(self) -> float:
        """Interchange accuracy: the share of defined interchanges after which the model is the causal model."""
        defined = self.tried - self.undefined
        return 1.0 if not defined else 1.0 - self.wrong / defined


@dataclass(frozen=True)
class Stage:
    """Sites of a variable between which nothing reads or writes it: an interchange at any of them is the same.

    Attributes:
        state: ``live``: before the first reader. ``partly live``: after some readers and before others, so that only
            those see what is put there. ``dead``: nothing reads it any more, or ever.
        sites: The residual streams and component outputs, in the order of computation.
        readers: Readers still to come.
        rank: Number of dimensions of the variable's span that they read: the least that a linear interchange must move.
        interchanges: Interchanges that were run; empty where it is dead: what is read of its span is exactly zero, so
            that an interchange changes nothing on any pair.
        runs: Number of different runs of the model which that took.
    """

    state: State
    sites: tuple[Site, ...]
    readers: tuple[Reader, ...]
    rank: int
    interchanges: tuple[Interchanges, ...] = ()
    runs: int = 0

    @property
    def certified(self) -> bool:
        """True if the model is the causal model after every interchange tried.

        An interchange puts one state in the place of each value; ``VariableTruth.held`` tells whether runs have that
        state there.
        """
        return not any(item.wrong for item in self.interchanges)


@dataclass(frozen=True)
class VariableTruth(StagedVariable[Variable, Stage]):
    """A variable with all sites from where it is written on.

    Attributes:
        variable: The variable.
        stages: Its sites by what is still to read it, in the order of computation.
        spread: The greatest distance, over inputs and sites, between what its directions hold and the state of its
            value; ``None`` if it has no value on some input.
        exhaustive: True if its values are those of the whole domain.
    """

    variable: Variable
    stages: tuple[Stage, ...]
    spread: float | None
    exhaustive: bool

    @property
    def held(self) -> bool:
        """True if its directions hold the state of its value on every input, and no mixture as in soft variants.

        Interchanges are run with one state for each value, so that without this they say nothing of the others.
        """
        return self.spread is not None and self.spread <= SPREAD

    @property
    def certified(self) -> bool:
        """True if its directions hold it, and an interchange at any site does what the causal model says."""
        return self.held and all(stage.certified for stage in self.stages)

    @property
    def claims(self) -> tuple[Any, ...]:
        """All that is claimed, to compare; not what rounding can change: the spread, and how many runs it took."""
        variable = self.variable
        # Grouping of runs rests on rounding, and may be another on another machine.
        stages = tuple(replace(stage, runs=0) for stage in self.stages)
        return variable.key, variable.values, variable.writer, variable.readers, self.held, self.exhaustive, stages


def program_readers(variable: Variable, stage: Stage) -> frozenset[str] | None:
    """Labels of the expressions that see what is put at a stage, for the causal model; ``None`` = all.

    Those of a reciprocal are those of the width itself.
    """
    if variable.encoding == "reciprocal" and stage.readers:
        return None
    return frozenset(reader.expression for reader in stage.readers if reader.expression is not None)
