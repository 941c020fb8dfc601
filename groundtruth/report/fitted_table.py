"""The table that all commands print: text wraps, then columns drop out, and a digit is never cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

Yields = Literal["never", "wraps", "shortens"]
"""Behaviour of a column's text where room ends: stay whole, go over several lines, or end in an ellipsis."""

LEAST_TEXT = 16
"""Columns of the screen that are left to a text that wraps or shortens."""


@dataclass(frozen=True)
class TableColumn:
    """One column of a printed table.

    Attributes:
        heading: Words above it; several lines if they hold line breaks.
        right: True if it is aligned on the right, as numbers are.
        yields: Behaviour of its text where room ends.
        least: Columns of the screen that are left to it where it wraps or shortens.
        priority: Rank in which columns are kept: the highest goes first, 0 never goes.
        name: Name of the column once it is left out; the heading if empty.
        style: Style of the heading.
    """

    heading: str
    right: bool = False
    yields: Yields = "never"
    least: int = LEAST_TEXT
    priority: int = 0
    name: str = ""
    style: str = "heading"


@dataclass(frozen=True)
class _Row:
    cells: tuple[Text, ...]
    style: str
    end_section: bool


@dataclass
class FittedTable:
    """Rows under columns, fitted into the width that there is once it is known.

    Attributes:
        columns: From left to right.
        gap: Blanks between columns.
        rule: True if a line is drawn below the headings and between sections.
        lines: True if a line is drawn between rows.
        wide: Keep every column, however long the lines become.
        more: Advice on how to see the columns that are left out.
    """

    columns: Sequence[TableColumn]
    gap: int = 2
    rule: bool = True
    lines: bool = False
    wide: bool = False
    more: str = "A wider terminal or --json shows them."
    _rows: list[_Row] = field(default_factory=list[_Row])

    def add_row(self, *cells: Text | str, style: str = "", end_section: bool = False) -> None:
        """Add a row; cells that are not given are empty.

        Args:
            cells: From left to right.
            style: Style of the whole row.
            end_section: True if a section ends with it.
        """
        texts = [cell if isinstance(cell, Text) else Text(cell) for cell in cells]
        missing = [Text()] * (len(self.columns) - len(texts))
        self._rows.append(_Row((*texts, *missing), style, end_section))

    def shown(self, width: int) -> list[int]:
        """Choose the columns that fit into a width, as their places."""
        kept = list(range(len(self.columns)))
        while not self.wide and self._least_width(kept) > width:
            droppable = [index for index in kept if self.columns[index].priority]
            if not droppable:
                break  # what is left stays whole, even if its lines are longer than the screen
            kept.remove(max(droppable, key=lambda index: self.columns[index].priority))
        return kept

    def left_out(self, width: int) -> list[str]:
        """Name the columns that a width has no room for."""
        kept = self.shown(width)
        dropped = (column for index, column in enumerate(self.columns) if index not in kept)
        return [column.name or " ".join(column.heading.split()) for column in dropped]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the table out, and name the columns that are left out below it."""
        width = options.max_width
        kept = self.shown(width)
        # Where even the columns that never go are too wide, lines grow: rich would cut digits off instead.
        widest = max(width, self._width(kept) if self.wide else self._least_width(kept))
        yield from console.render(self._table(kept), options.update(width=widest, max_width=widest))
        if names := self.left_out(width):
            yield Text(f"Left out at this width: {', '.join(names)}. {self.more}", "warn")

    def _table(self, kept: Sequence[int]) -> Table:
        padding = self.gap - 1 if self.rule else self.gap
        table = Table(
            box=SIMPLE_HEAD if self.rule else None, pad_edge=False, show_edge=False, show_lines=self.lines,
            show_header=any(column.heading for column in self.columns), padding=(0, padding, 0, 0), header_style="none",
        )  # fmt: skip
        for index in kept:
            column = self.columns[index]
            table.add_column(
                column.heading,
                justify="right" if column.right else "left",
                no_wrap=column.yields != "wraps",
                overflow="ellipsis" if column.yields == "shortens" else "fold",
                # rich adds the padding to every least width, and takes it off the last column again.
                min_width=self._least(index) - (padding if index == kept[-1] else 0),
                header_style=column.style,
            )
        for row in self._rows:
            table.add_row(*(row.cells[index] for index in kept), style=row.style, end_section=row.end_section)
        return table

    def _natural(self, index: int) -> int:
        """The width of a column that has all the room it wants."""
        return max((_width(text) for text in self._texts(index)), default=0)

    def _texts(self, index: int) -> Iterator[Text]:
        yield Text(self.columns[index].heading)
        yield from (row.cells[index] for row in self._rows)

    def _width(self, kept: Sequence[int]) -> int:
        return sum(map(self._natural, kept)) + self._gaps(kept)

    def _least_width(self, kept: Sequence[int]) -> int:
        """The width below which a column would be cut."""
        return sum(map(self._least, kept)) + self._gaps(kept)

    def _least(self, index: int) -> int:
        column, natural = self.columns[index], self._natural(index)
        return natural if column.yields == "never" else min(column.least, natural)

    def _gaps(self, kept: Sequence[int]) -> int:
        return self.gap * (len(kept) - 1)


def _width(text: Text) -> int:
    return max((line.cell_len for line in text.split("\n", allow_blank=True)), default=0)
