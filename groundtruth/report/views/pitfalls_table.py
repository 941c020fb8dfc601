"""Pitfalls that were run: what a usual metric says, what the truth says, and why."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.pitfalls import Finding, Outcome
from groundtruth.report import notation
from groundtruth.report.terminal import fact_table


def pitfalls_table(outcomes: Sequence[Outcome]) -> RenderableType:
    """One row a pitfall; numbers that no longer show it stand out."""
    columns = ("pitfall", "the naive metric says", "the truth says", "why")
    table = fact_table(*columns, wraps=columns[1:], goes=columns[3:])
    table.lines = True
    for outcome in outcomes:
        found = outcome.demonstration
        name = Text().append(outcome.pitfall.name, "name")
        if not outcome.shown:
            name.append("\nNOT SHOWN", "bad")
        table.add_row(name, _lines(found.naive), _lines(found.truth), Text(outcome.pitfall.why, "faint"))
    return Group(table, _end(outcomes))


def pitfall_view(outcome: Outcome) -> RenderableType:
    """One pitfall in full."""
    pitfall, found = outcome.pitfall, outcome.demonstration
    rows = fact_table("side", "what", "measured", "shown if", right=("measured",), wraps=("side", "what"))
    for side, findings in (("the naive metric says", found.naive), ("the truth says", found.truth)):
        for index, finding in enumerate(findings):
            mark = "good" if finding.holds else "bad"
            rows.add_row("" if index else side, finding.what, Text(value_text(finding), mark), finding.bound)
    words = Table.grid(padding=(0, 2, 0, 0))
    for key, text in (("why", pitfall.why), ("instead", pitfall.instead), ("source", pitfall.source)):
        words.add_row(Text(key, "faint"), text)
    told = Padding(Text(pitfall.description), (0, 0, 1, 0))
    return Group(Text(pitfall.name, "name"), told, rows, Text(), words, _end([outcome]))


def pitfall_data(outcome: Outcome) -> dict[str, Any]:
    """One pitfall as JSON has it."""
    pitfall, found = outcome.pitfall, outcome.demonstration
    return {
        "name": pitfall.name,
        "shown": outcome.shown,
        "description": pitfall.description,
        "naive": [_finding_data(finding) for finding in found.naive],
        "truth": [_finding_data(finding) for finding in found.truth],
        "why": pitfall.why,
        "instead": pitfall.instead,
        "source": pitfall.source,
        "seed": outcome.seed,
        "seconds": round(outcome.seconds, 3),
    }


def _lines(findings: Sequence[Finding]) -> Text:
    """Numbers first, so that they can be read down the page."""
    width = max((len(value_text(finding)) for finding in findings), default=0)
    lines = [
        Text().append(f"{value_text(finding):>{width}} ", "heading" if finding.holds else "bad").append(finding.what)
        for finding in findings
    ]
    return Text("\n").join(lines)


def value_text(finding: Finding) -> str:
    """The number of a finding as tables show it."""
    return f"{finding.value:.0f}" if finding.counts else f"{finding.value:.2f}"


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "what": finding.what,
        "value": finding.value,
        "at_least": finding.least,
        "at_most": finding.most,
        "holds": finding.holds,
    }


def _end(outcomes: Sequence[Outcome]) -> Text:
    failed = [outcome.pitfall.name for outcome in outcomes if not outcome.shown]
    seconds = notation.duration(sum(outcome.seconds for outcome in outcomes))
    if failed:
        said = f"{len(failed)} of {notation.plural(len(outcomes), 'demonstration')} no longer shows its pitfall: "
        return Text(said + ", ".join(failed), "bad")
    said = notation.plural(len(outcomes), "pitfall")
    more = "groundtruth pitfalls NAME" if len(outcomes) > 1 else "docs/pitfalls.md"
    return Text.assemble((f"{said} shown, computed in {seconds} · ", "faint"), more)
