"""What the score tables of both tracks share: columns, entries, the lines below them, and how a run ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import style

N_FAILURES = 5
"""How many failed cells are shown."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: In the summaries.
        heading: On the screen.
        spread: Whether the spread is shown.
        ranked: Whether the best entry is marked.
    """

    name: str
    heading: str
    spread: bool = False
    ranked: bool = True


class _Spread(Protocol):
    """A mean and how far values lie from it."""

    @property
    def mean(self) -> float: ...

    @property
    def std(self) -> float: ...


class _Summary(Protocol):
    """One method over all that it was scored on."""

    @property
    def method(self) -> str: ...

    @property
    def n_failed(self) -> int: ...

    @property
    def columns(self) -> Mapping[str, _Spread]: ...


def method_entry(summary: _Summary, own: str) -> Text:
    """A method's name, the user's own marked, with how often it failed."""
    text = Text(style.method_name(summary.method), "name" if summary.method == own else "")
    return text.append(f" ({summary.n_failed} failed)", "bad") if summary.n_failed else text


def best_of(summaries: Iterable[_Summary], column: Column, *, lower: Collection[str] = ()) -> str:
    """The best entry of a column, as it is printed, among the methods that are given no truth; empty if it has none.

    Args:
        summaries: The rows.
        column: Which.
        lower: Names of the columns in which less is better.
    """
    means = [s.columns[column.name].mean for s in summaries if column.name in s.columns and s.method != ORACLE]
    if not means or not column.ranked:
        return ""
    return style.number(min(means) if column.name in lower else max(means))


def entry(summary: _Summary, column: Column, best: str, *, counted: str) -> Text:
    """A method's entry in a column.

    Args:
        summary: The method.
        column: Which.
        best: The best entry, as it is printed.
        counted: The column that holds counts.
    """
    spread = summary.columns.get(column.name)
    if spread is None:
        return Text("–", "faint")
    if column.name == counted:
        return Text(style.count(spread.mean))
    shown = style.number(spread.mean)
    text = Text(shown, "best" if shown == best and summary.method != ORACLE else "")
    return text.append(f"±{spread.std:.2f}".replace("±0.", "±."), "faint") if column.spread else text


def bullets(lines: Iterable[Text | str]) -> Table:
    """Lines that hang from a dot, so that each is told from the next where it is wrapped."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    for line in lines:
        grid.add_row("·", line)
    return grid


def ending(
    failures: Sequence[str], paths: Sequence[Path], *, n_cells: int, seconds: float, known: int, following: str
) -> RenderableType:
    """What failed, how long it took, where it is written, and what to do next.

    Args:
        failures: Where and how cells failed.
        paths: Of the result files.
        n_cells: How many cells there are.
        seconds: Wall time.
        known: How many cells were known from before.
        following: Commands to go on with.
    """
    lines = [Text.assemble(("failed  ", "bad"), failure) for failure in failures[:N_FAILURES]]
    if len(failures) > N_FAILURES:
        lines.append(Text(f"failed  on {len(failures) - N_FAILURES} more cells; see the result file", "bad"))
    done = f"{style.plural(n_cells, 'cell')} in {style.duration(seconds)}"
    done += f", {known:,} of them known from before" if known else ""
    lines.append(Text(f"{done} · {paths[0]} (and .csv, .md)", "faint"))
    lines.append(Text("next: ", "faint").append(following))
    return Group(*lines)
