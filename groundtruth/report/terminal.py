"""Write to a terminal: one console, one set of colours, and nothing that a name could make the terminal obey."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from groundtruth.guarded_run import result_stream
from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.section import Grid, Section
from groundtruth.report.standing import Entry, Line, Standing
from mib.plain_text import printable

WIDTH = 100
"""Columns where the output is no terminal that has a width of its own."""

THEME = Theme(
    {
        "name": "bold cyan",
        "best": "bold green",
        "good": "green",
        "bad": "bold red",
        "warn": "yellow",
        "faint": "dim",
        "heading": "bold",
        "node": "bold",
        "variable": "cyan",
        "constant": "yellow",
        "position": "magenta",
        "bar.complete": "cyan",
        "bar.finished": "green",
    }
)

LONGEST_NAME = 28
"""Columns of the screen up to which a method's name stays on one line."""

MORE_COLUMNS = "A wider terminal, --wide or --columns NAME,NAME shows them."


@dataclass(frozen=True)
class Printable:
    """Anything rich can print, with escape sequences spelt out: names and errors are whatever somebody wrote.

    Attributes:
        content: Text to print.
    """

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Spell out what a terminal would obey; colours are added after this and stay."""
        for segment in console.render(self.content, options):
            yield segment if segment.control else Segment(printable(segment.text, lines=True), segment.style)


def console(*, stderr: bool = False) -> Console:
    """Open the console; it has colours only on a terminal that has them, and without ``NO_COLOR``."""
    stream = sys.stderr if stderr else result_stream()
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(file=stream, theme=THEME, width=width, highlight=False, soft_wrap=False)


def echo(*parts: RenderableType) -> None:
    """Print to standard output; without trailing blanks where that is no terminal."""
    screen = console()
    content = Printable(Group(*parts))
    # Tables fit themselves into the width. Where not even their first columns do, a long line beats a cut number.
    if screen.is_terminal:
        screen.print(content, crop=False)
        return
    with screen.capture() as captured:
        screen.print(content, crop=False)
    result_stream().write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def echo_written(path: Path, note: str) -> None:
    """Print where a file was written, on one line however long its path is.

    Args:
        path: The file.
        note: Note on it.
    """
    echo(Text(f"{path}  ({note})", no_wrap=True, overflow="ignore"))


def fact_table(
    *columns: str, right: Sequence[str] = (), wraps: Sequence[str] = (), goes: Sequence[str] = ()
) -> FittedTable:
    """Make a table of facts about models, methods or files.

    Args:
        columns: Headings.
        right: Columns whose entries are aligned on the right.
        wraps: Columns whose text may go over several lines.
        goes: Columns to leave out where room ends, in this order.
    """
    return FittedTable(
        [
            TableColumn(
                heading,
                right=heading in right,
                yields="wraps" if heading in wraps else "never",
                priority=len(goes) - goes.index(heading) if heading in goes else 0,
            )
            for heading in columns
        ]
    )


def bullets(lines: Iterable[Text | str]) -> Table:
    """Hang lines from a dot, so that each is told from the next where it is wrapped."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    for line in lines:
        grid.add_row("·", line)
    return grid


def section_view(section: Section, *, wide: bool = False, more: str = MORE_COLUMNS) -> RenderableType:
    """Print one part of a report: its title, the standing of the methods, and what it means in words.

    Args:
        section: Section to print.
        wide: Keep every column, however long the lines become.
        more: Advice on how to see the columns that are left out.
    """
    parts: list[RenderableType] = [section.title]
    if section.standing.lines:
        parts += [standing_table(section.standing, wide=wide, more=more), Text(section.legend, "faint")]
    else:
        parts.append(Text("Nothing was scored.", "warn"))
    parts += [_grid_table(grid) for grid in section.grids if grid.place == "screen"]
    return Group(*parts, Padding(bullets(section.sentences), (0, 0, 1, 0)))


def standing_table(standing: Standing, *, wide: bool = False, more: str = MORE_COLUMNS) -> FittedTable:
    """Print methods by scores.

    Args:
        standing: The methods with their scores.
        wide: Keep every column, however long the lines become.
        more: Advice on how to see the columns that are left out.
    """
    columns = [TableColumn("method", yields="wraps", least=LONGEST_NAME)]
    for column in standing.columns:
        stacked = column.heading.replace("\xad", "-\n").replace(" ", "\n")
        columns.append(TableColumn(stacked, right=True, priority=column.priority, name=column.name))
    table = FittedTable(columns, wide=wide, more=more)
    for index, line in enumerate(standing.lines):
        following = standing.lines[index + 1].group if index + 1 < len(standing.lines) else line.group
        cells = [_entry_text(line.entries[column.name]) for column in standing.columns]
        last = following != line.group
        table.add_row(method_text(line), *cells, style="faint" if line.is_control else "", end_section=last)
    return table


def method_text(line: Line) -> Text:
    """Write a method's name, the user's own marked, with how often it failed."""
    text = Text().append(notation.method_name(line.method), "name" if line.is_own else "")
    return text.append(f" ({line.n_failed} failed)", "bad") if line.n_failed else text


def _entry_text(entry: Entry) -> Text:
    text = Text().append(entry.text, {"best": "best", "alarming": "bad", "plain": "", "none": "faint"}[entry.mark])
    return text.append(entry.spread, "faint")


def _grid_table(grid: Grid) -> FittedTable:
    first, *others = grid.headings
    columns = [TableColumn(first)]
    columns += [TableColumn(heading, right=True, priority=index) for index, heading in enumerate(others, 1)]
    table = FittedTable(columns, more="A wider terminal or the result files show them.")
    for row in grid.rows:
        table.add_row(*row)
    return table
