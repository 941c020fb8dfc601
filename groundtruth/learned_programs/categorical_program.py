"""A program of categories: heads that look up or count by a table of matches, and tables of two variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain
from groundtruth.programs.shorthand import aggregate, apply, combine, count, indices, select, tokens

TOKENS, INDICES = "tokens", "indices"


@dataclass(frozen=True)
class Head:
    """A head that attends by what its queries and keys are.

    Attributes:
        name: The variable that it makes.
        queries: The variable that queries hold.
        keys: The variable that keys hold.
        values: The variable that is copied from where a query attends; ``None`` if the positions are counted instead.
        matches: The values of keys that each value of a query attends to.
    """

    name: str
    queries: str
    keys: str
    values: str | None
    matches: Mapping[Any, tuple[Any, ...]]

    @property
    def reads(self) -> tuple[str, ...]:
        """The variables that it reads."""
        return (self.queries, self.keys, *([] if self.values is None else [self.values]))


@dataclass(frozen=True)
class Table:
    """An MLP as a lookup of two variables.

    Attributes:
        name: The variable that it makes.
        first: One variable.
        second: The other; it may be the same.
        entries: The value for each pair of theirs.
    """

    name: str
    first: str
    second: str
    entries: Mapping[tuple[Any, Any], Any]

    @property
    def reads(self) -> tuple[str, ...]:
        """The variables that it reads."""
        return self.first, self.second


Step: TypeAlias = Head | Table


@dataclass(frozen=True)
class CategoricalProgram:
    """Steps, each of which makes a variable of earlier ones.

    Attributes:
        domain: Its inputs.
        steps: In the order in which they are made; the last makes the output.
    """

    domain: Domain
    steps: tuple[Step, ...]

    def without_unused(self) -> CategoricalProgram:
        """The same without steps that the output does not depend on."""
        used = {self.steps[-1].name}
        for step in reversed(self.steps):
            if step.name in used:
                used |= set(step.reads)
        return CategoricalProgram(self.domain, tuple(step for step in self.steps if step.name in used))

    def build(self) -> rasp.SOp:
        """The program in RASP."""
        made: dict[str, rasp.SOp] = {TOKENS: tokens, INDICES: indices}
        for step in self.steps:
            made[step.name] = _head(step, made) if isinstance(step, Head) else _table(step, made)
        return made[self.steps[-1].name]


def _head(step: Head, made: Mapping[str, rasp.SOp]) -> rasp.SOp:
    selector = select(f"{step.name}_match", made[step.keys], made[step.queries], _matcher(step.matches))
    return count(step.name, selector) if step.values is None else aggregate(step.name, selector, made[step.values])


def _matcher(matches: Mapping[Any, tuple[Any, ...]]) -> Callable[[Any, Any], bool]:
    return lambda key, query: key in matches[query]


def _table(step: Table, made: Mapping[str, rasp.SOp]) -> rasp.SOp:
    entries = step.entries
    if step.first == step.second:
        return apply(step.name, lambda one: entries[one, one], made[step.first])
    return combine(step.name, lambda one, other: entries[one, other], made[step.first], made[step.second])
