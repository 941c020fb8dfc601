"""A column of a score table: its key, heading, format, which direction is better, and what gives way where room ends.

Tables on a terminal, in Markdown, in HTML and in CSV are written from lists of these values, the same on both tracks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Format = Literal["number", "count", "fraction"]
"""``0.93``; ``1,204``, with one digit after the point where a small count has a fraction; ``9/12``."""

Better = Literal["higher", "lower"]

Place = Literal["screen", "page", "data"]
"""The narrowest place that shows a column: a terminal of usual width, a wide table or page, or JSON and CSV alone."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a score table.

    Attributes:
        name: Key in summaries, JSON and CSV, and after ``--columns`` and ``--fail-under``.
        heading: Words above the column. A soft hyphen marks where a narrow table may break a word.
        format: Format in which a value is written.
        better: Direction in which a value is better.
        spread: True if the spread is written beside the mean.
        marked: True if the best value is marked. Not so for costs, and not for scores that a method can push past the
            truth or reach by an illusion.
        place: Narrowest place that shows the column.
        priority: Rank in which columns are kept where a table is too wide: 0 is kept longest.
    """

    name: str
    heading: str
    format: Format = "number"
    better: Better = "higher"
    spread: bool = False
    marked: bool = False
    place: Place = "screen"
    priority: int = 0


def lower_is_better(columns: Iterable[Column]) -> tuple[str, ...]:
    """Name the columns in which less is better."""
    return tuple(column.name for column in columns if column.better == "lower")


def column_names(columns: Iterable[Column]) -> tuple[str, ...]:
    """Name the columns, in their order."""
    return tuple(column.name for column in columns)
