"""How methods stand: their scores under the columns of a track, and which is the best of each column."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from groundtruth.column import Column, Place, column_names
from groundtruth.errors import DomainError
from groundtruth.report import notation
from mib.errors import did_you_mean

LEAST_VALUES = 5
"""A spread of fewer values, or a rank correlation over fewer methods, says too little to be shown."""

CONTROLS_BELOW = "Below the last line: controls, which are not ranked."
"""Legend of a table that has controls."""

TRANSFER = "transfer: tiers weighted by what predicts ranks where no truth is known, from 0 to 1."
"""Legend of a table that has the transfer score."""

Mark = Literal["plain", "best", "alarming", "none"]


@dataclass(frozen=True)
class MethodScores:
    """One method's scores over all that it was scored on.

    Attributes:
        method: Its name.
        means: Mean of each column that has a value.
        spreads: Standard deviation of each column, where it rests on enough values to be shown.
        fractions: Numerator and denominator of each column of fractions.
        alarming: Columns in which any value but 0 is bad news.
        n_failed: Number of cells that it failed on.
        is_control: True if it is shown apart, and not ranked.
        group: Kind of method; a line is drawn where one kind ends.
    """

    method: str
    means: Mapping[str, float]
    spreads: Mapping[str, float] = field(default_factory=dict[str, float])
    fractions: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    alarming: Collection[str] = ()
    n_failed: int = 0
    is_control: bool = False
    group: str = ""


@dataclass(frozen=True)
class Entry:
    """One value as it is printed.

    Attributes:
        text: The value.
        spread: Spread that stands after it; empty if there is no spread.
        mark: Whether it is the best of its column, bad news, or not there.
    """

    text: str
    spread: str = ""
    mark: Mark = "plain"


@dataclass(frozen=True)
class Line:
    """One method in a table.

    Attributes:
        method: Its name.
        entries: One for each column, by name.
        is_own: True if it is the user's own method.
        is_control: True if it is not ranked.
        n_failed: Number of cells that it failed on.
        group: Kind of method.
    """

    method: str
    entries: Mapping[str, Entry]
    is_own: bool = False
    is_control: bool = False
    n_failed: int = 0
    group: str = ""


@dataclass(frozen=True)
class Standing:
    """Methods by scores, as any writer prints them.

    Attributes:
        columns: Columns in which some method has a value.
        lines: The methods, in their order.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def standing_of(scores: Sequence[MethodScores], columns: Iterable[Column], *, own: str = "") -> Standing:
    """Put scores under columns, and mark the best of each.

    Args:
        scores: The methods, in their order.
        columns: Candidates; those without any value are left out.
        own: The user's own method, which is marked.
    """
    shown = tuple(column for column in columns if any(_has(one, column) for one in scores))
    best = {column.name: _best(scores, column) for column in shown}
    lines = tuple(
        Line(
            one.method,
            {column.name: _entry(one, column, best[column.name]) for column in shown},
            is_own=one.method == own,
            is_control=one.is_control,
            n_failed=one.n_failed,
            group=one.group,
        )
        for one in scores
    )
    return Standing(shown, lines)


def choose_columns(columns: Sequence[Column], place: Place, names: Sequence[str] | None = None) -> tuple[Column, ...]:
    """Choose the columns that a place shows, or those that the user names.

    Args:
        columns: All columns of a track.
        place: Place at which the table is shown.
        names: The user's choice, in the user's order.

    Raises:
        DomainError: If there is no column of such a name.
    """
    if names is None:
        shown = ("screen",) if place == "screen" else ("screen", "page")
        return tuple(column for column in columns if column.place in shown)
    known = {column.name: column for column in columns}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise DomainError(
                f"--columns: unknown column '{name}'.{hint} Choose from {', '.join(column_names(columns))}."
            )
    return tuple(known[name] for name in dict.fromkeys(names))


def _has(scores: MethodScores, column: Column) -> bool:
    return column.name in (scores.fractions if column.format == "fraction" else scores.means)


def _value(scores: MethodScores, column: Column) -> float:
    """The number that decides which entry is the best."""
    if column.format != "fraction":
        return scores.means[column.name]
    over, under = scores.fractions[column.name]
    return over / under if under else 0.0


def _text(scores: MethodScores, column: Column) -> str:
    if column.format != "fraction":
        return notation.column_value(column, scores.means[column.name])
    over, under = scores.fractions[column.name]
    return notation.column_value(column, over, of=under)


def _best(scores: Sequence[MethodScores], column: Column) -> str | None:
    """The best text of a column among the methods that are not given the truth; none where nobody gets anything right.

    Texts are compared, not numbers: what prints alike is alike, so that a difference of rounding crowns nobody.
    """
    ranked = [one for one in scores if not one.is_control and _has(one, column)]
    if not ranked or not column.marked:
        return None
    best = (min if column.better == "lower" else max)(ranked, key=lambda one: _value(one, column))
    if column.format == "fraction" and not _value(best, column):
        return None
    return _text(best, column)


def _entry(scores: MethodScores, column: Column, best: str | None) -> Entry:
    if not _has(scores, column):
        return Entry(notation.NONE, mark="none")
    text = _text(scores, column)
    spread = notation.spread(scores.spreads[column.name]) if column.spread and column.name in scores.spreads else ""
    if text == best and not scores.is_control:
        return Entry(text, spread, "best")
    return Entry(text, spread, "alarming" if column.name in scores.alarming and _value(scores, column) else "plain")
