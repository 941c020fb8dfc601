"""How one value is written: the same text on a terminal, in Markdown, in HTML and wherever a sentence names it."""

from collections.abc import Sequence
from typing import Any

from groundtruth.column import Column
from mib.counted_nouns import plural as plural

NONE = "–"
"""A value that is not there; in a program's output: nothing selected."""


def spell(values: Sequence[Any]) -> str:
    """Write a sequence of a program's values; ``–`` stands for ``None``, nothing selected."""
    return " ".join(map(spell_one, values))


def spell_one(value: Any) -> str:
    """Write one of a program's values."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def method_name(method: str) -> str:
    """Shorten a method to what a table has: ``my_method`` of ``my_file.py:my_method``."""
    return method.rpartition(":")[2]


def number(value: float | None, *, digits: int = 2) -> str:
    """Write a number in few characters; ``–`` for none."""
    if value is None or value != value:
        return NONE
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:,.0f}"


def count(value: float) -> str:
    """Write a count that may have fractions, such as passes."""
    return f"{value:.1f}" if 0 < value < 9.95 and value != int(value) else f"{value:,.0f}"


def spread(value: float) -> str:
    """Write a standard deviation: ``±.05``, ``±1.20``."""
    return f"±{value:.2f}".replace("±0.", "±.")


def column_value(column: Column, value: float, *, of: int = 0) -> str:
    """Write a value of a column in the column's format.

    Args:
        column: Whose value it is.
        value: A mean; in a column of fractions the numerator.
        of: The denominator, in a column of fractions.
    """
    match column.format:
        case "fraction":
            return f"{value:,.0f}/{of:,}"
        case "count":
            return count(value)
        case "number":
            return number(value)


def duration(seconds: float) -> str:
    """Write seconds, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
