"""The report of a result, whatever its track: sections, data, records, and what to do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.bench.result_data import result_data
from groundtruth.files import to_json, write_whole
from groundtruth.report import notation
from groundtruth.report.csv_file import csv_text
from groundtruth.report.markdown import markdown_report
from groundtruth.report.section import Details, Section
from groundtruth.report.terminal import section_view
from groundtruth.report.views.circuit_details import circuit_details
from groundtruth.report.views.circuit_report import circuit_sections
from groundtruth.report.views.circuit_sentences import worst_place
from groundtruth.report.views.variable_details import variable_details
from groundtruth.report.views.variable_report import variable_sections
from groundtruth.report.views.variable_sentences import most_illusory_place
from groundtruth.results.result import Result

N_FAILURES = 5
"""Number of failed cells that are shown."""


@dataclass(frozen=True)
class TrackReport:
    """What a report needs to know about a track.

    Attributes:
        heading: Title of the page.
        sections: Reports a result for a place, with the user's method and columns.
        details: Parts that a page adds to each section, with addresses of the explorer's pages.
        place: Names where a cell was scored.
        worst: Names the place at which a method does worst, as ``groundtruth why`` takes it, if there is one.
        options: Options of commands that go on with this track.
    """

    heading: str
    sections: Callable[..., list[Section]]
    details: Callable[..., list[Details]]
    place: Callable[[Any], str]
    worst: Callable[[Any, str], str | None]
    options: str = ""


TRACK_REPORTS: Mapping[str, TrackReport] = {
    "circuits": TrackReport(
        heading="Circuit localization against exact circuits",
        sections=circuit_sections,
        details=circuit_details,
        place=lambda cell: f"{cell.subject}, {cell.ablation}",
        worst=worst_place,
    ),
    "variables": TrackReport(
        heading="Variable localization",
        sections=variable_sections,
        details=variable_details,
        place=lambda cell: f"{cell.place}, seed {cell.seed}",
        worst=most_illusory_place,
        options=" --track variables",
    ),
}


def result_view(
    result: Result, *, own: str = "", columns: Sequence[str] | None = None, wide: bool = False
) -> RenderableType:
    """Print a result: one table a section, with what it means in words.

    Args:
        result: Result of a run.
        own: The user's method, which is marked.
        columns: The user's choice of columns.
        wide: Show every column, however long the lines become.

    Raises:
        DomainError: If there is no column of such a name.
    """
    place = "page" if wide else "screen"
    sections = TRACK_REPORTS[result.tables.name].sections(result, own=own, place=place, columns=columns)
    return Group(*(section_view(section, wide=wide) for section in sections))


def result_markdown(result: Result) -> str:
    """Write a result as Markdown."""
    return markdown_report(TRACK_REPORTS[result.tables.name].sections(result, place="page"), result.settings)


def result_csv(result: Result) -> str:
    """Write a result as CSV, one line a score."""
    return csv_text(result.records())


def write_result(result: Result, folder: Path, name: str) -> list[Path]:
    """Write ``name.json``, ``name.csv`` and ``name.md``, each whole or not at all.

    Args:
        result: Result of a run.
        folder: Made if it is not there.
        name: Without suffix.
    """
    contents = {
        "json": to_json(result_data(result)),
        "csv": result_csv(result).encode(),
        "md": result_markdown(result).encode(),
    }
    return write_contents(contents, folder, name)


def write_contents(contents: Mapping[str, bytes], folder: Path, name: str) -> list[Path]:
    """Write the forms of a result, by their suffix, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_whole(path, content)
    return paths


def result_ending(result: Result, paths: Sequence[Path], *, own: str = "") -> RenderableType:
    """Say what failed, how long it took, where it is written, and what to do next.

    Args:
        result: Result of a run.
        paths: Result files; the first is the JSON file.
        own: The user's method.
    """
    report = TRACK_REPORTS[result.tables.name]
    failures = [f"{cell.method} on {report.place(cell)}: {failed.error}" for cell, failed in result.failures]
    lines = [Text.assemble(("failed  ", "bad"), failure) for failure in failures[:N_FAILURES]]
    if len(failures) > N_FAILURES:
        more = f"failed  on {len(failures) - N_FAILURES} more cells; see the result file"
        lines.append(Text().append(more, "bad"))
    known = result.settings.get("known", 0)
    done = f"{notation.plural(len(result.outcomes), 'cell')} in {notation.duration(result.seconds)}"
    done += f", {known:,} of them known from before" if known else ""
    lines.append(Text().append(f"{done} · {paths[0]} (and .csv, .md)", "faint"))
    return Group(*lines, _next(result, paths, own))


def _next(result: Result, paths: Sequence[Path], own: str) -> Group:
    """Commands that go on from this run: why a method fails where it does worst, the page, a method of one's own."""
    report = TRACK_REPORTS[result.tables.name]
    commands = [f"groundtruth report {paths[0]}"]
    told = own or next((method for method in result.methods if not result.is_control(method)), "")
    if (place := report.worst(result, told)) is not None:
        commands.insert(0, f"groundtruth why {told} {place}")
    if not own:
        level = result.settings.get("level", "edge")
        options = report.options + (f" --level {level}" if level != "edge" else "")
        commands.append(f"groundtruth score my_file.py:my_method{options}")
    # A line each, never broken, so that a command can be copied whole.
    lines = [
        Text(no_wrap=True, overflow="ignore").append("      " if index else "next: ", "faint").append(command)
        for index, command in enumerate(commands)
    ]
    return Group(*lines)
