"""A report as plain values that every writer shares: sections with a standing, sentences, grids and details."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.text import Text

from groundtruth.report.figure import Chart
from groundtruth.report.standing import Standing


@dataclass(frozen=True)
class Grid:
    """A small table of text below the main one.

    Attributes:
        headings: Words above the columns; several lines if they hold line breaks.
        rows: Texts under them; the first of each names what the row is about.
        title: Words above the table on a page.
        place: Narrowest place that shows it: a terminal, or only a page.
        links: By text: where it leads to on a page.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    place: Literal["screen", "page"] = "screen"
    links: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Section:
    """One part of a report, with a table of methods of its own.

    Attributes:
        title: One line above the table.
        standing: Methods with their scores.
        legend: Sentence that says what the columns are.
        sentences: Lines that say what the table means, one finding each.
        grids: Further tables.
    """

    title: Text
    standing: Standing
    legend: str
    sentences: tuple[Text, ...]
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class HeatCell:
    """One number of a heat map.

    Attributes:
        subject: Model or place that it is about.
        text: The number.
        shade: Share of the full colour, in percent.
        detail: Evidence for the number, in one line.
    """

    subject: str
    text: str
    shade: int
    detail: str


@dataclass(frozen=True)
class HeatMap:
    """Methods by models or places, coloured by one score.

    Attributes:
        title: Words above it.
        headings: Headings of the columns.
        rows: Methods, each with a cell a column; ``None`` where it was not scored.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell | None, ...]], ...]


@dataclass(frozen=True)
class Fold:
    """A part of a page that is opened by a click.

    Attributes:
        summary: The line that is always seen.
        headings: Words above the columns of its table.
        rows: Texts of the table.
        note: Line above the table.
        anchor: Name that links of the page lead to; empty if none does.
        links: Targets of the first text of each row; empty if none.
        commands: Lines below the table that a reader can run, to see more.
    """

    summary: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[Text, ...]]
    note: str = ""
    anchor: str = ""
    links: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Details:
    """What a page adds to a section, where there is room for everything.

    Attributes:
        heat_map: Every method on every model or place.
        not_scored: Cells that failed or were left out, and why.
        folds: Titles with the parts below them that open by a click.
        charts: Figures beside the heat map, which is a table on a page.
    """

    heat_map: HeatMap
    not_scored: tuple[str, ...] = ()
    folds: tuple[tuple[str, tuple[Fold, ...]], ...] = ()
    charts: tuple[Chart, ...] = ()
