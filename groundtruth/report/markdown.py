"""Write a report as Markdown: tables, and lists that renderers tell from the text around them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from groundtruth.report.section import Grid, Section
from groundtruth.report.standing import Entry, Line, Standing
from mib.plain_text import markdown_code, markdown_text


def markdown_report(sections: Sequence[Section], settings: Mapping[str, Any]) -> str:
    """Write all sections, and below them how the methods were run.

    Args:
        sections: Parts of the report.
        settings: Names with values; those without a value are left out.
    """
    told = ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)
    return "\n\n".join([*map(_section, sections), f"Settings: {markdown_text(told)}."]) + "\n"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose first column is text and whose others are numbers; its cells are Markdown already."""
    lines = [headings, ["---", *("---:" for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_list(lines: Iterable[str]) -> str:
    """Write a list of plain texts; what joins it with other blocks leaves a blank line before it."""
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


def _section(section: Section) -> str:
    grids = [_grid(grid) for grid in section.grids if grid.place == "screen"]
    blocks = [
        f"### {markdown_text(section.title.plain)}",
        _standing(section.standing) if section.standing.lines else "Nothing was scored.",
        markdown_text(section.legend) if section.standing.lines else "",
        *grids,
        markdown_list(line.plain for line in section.sentences),
    ]
    return "\n\n".join(filter(None, blocks))


def _standing(standing: Standing) -> str:
    headings = [markdown_text(column.heading.replace("\xad", "")) for column in standing.columns]
    rows = [[_method(line), *(_entry(line.entries[c.name]) for c in standing.columns)] for line in standing.lines]
    return markdown_table(["method", *headings], rows)


def _method(line: Line) -> str:
    failed = f" ({line.n_failed} failed)" if line.n_failed else ""
    return markdown_code(line.method) + (" (control)" if line.is_control else "") + failed


def _entry(entry: Entry) -> str:
    text = f"{entry.text} {entry.spread}".rstrip()
    return f"**{text}**" if entry.mark == "best" else text


def _grid(grid: Grid) -> str:
    headings = [markdown_text(" ".join(heading.split())) for heading in grid.headings]
    return markdown_table(headings, [list(map(markdown_text, row)) for row in grid.rows])
