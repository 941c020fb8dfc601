"""What became of a submission's cells, and what a submission holds."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable
from groundtruth.report.terminal import fact_table
from mib.leaderboard.submissions import Outcome, SubmissionReport

STYLES = {"written": "good", "kept": "faint", "skipped": "faint", "failed": "bad",
          "complete": "good", "absent": "faint", "faulty": "bad"}  # fmt: skip

LISTED = 15
"""Number of absent cells that are named."""


def outcomes_table(outcomes: Sequence[Outcome], out: Path) -> RenderableType:
    """One line a cell, and what to do next."""
    rows = [(outcome.cell, outcome.state, outcome.detail) for outcome in outcomes]
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    there = sum(outcome.state in ("written", "kept") for outcome in outcomes)
    told = f"{notation.plural(there, 'cell')} in {out}" + (f", {failed} failed: run again for those" if failed else "")
    return Group(_table(rows), Text(f"{told} · next: groundtruth submission check {out}", "faint"))


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """A cell as JSON has it."""
    return asdict(outcome)


def report_view(report: SubmissionReport) -> RenderableType:
    """One line a cell that is there, the absent ones together, and a verdict."""
    present = [cell for cell in report.cells if cell.state != "absent"]
    absent = [cell.name for cell in report.cells if cell.state == "absent"]
    rows = [(cell.name, cell.state, _first(cell.problems) or cell.holds) for cell in present]
    parts: list[RenderableType] = [Text(f"{report.folder} · a submission of {report.track}", "heading"), _table(rows)]
    if absent:
        named = ", ".join(absent) if len(absent) <= LISTED else f"{len(absent)} of {len(report.cells)} cells"
        parts.append(Text(f"absent: {named}", "faint"))
    parts += [Text(f"! {problem}", "bad") for problem in report.problems]
    parts.append(Text("ready to submit", "good") if report.ready else Text("not ready to submit", "bad"))
    return Group(*parts)


def _first(problems: Sequence[str]) -> str:
    """The first problem, and how many more there are."""
    more = f" (and {len(problems) - 1} more; --json lists them)" if len(problems) > 1 else ""
    return problems[0] + more if problems else ""


def report_data(report: SubmissionReport) -> dict[str, Any]:
    """A submission as JSON has it."""
    return {
        "folder": str(report.folder),
        "track": report.track,
        "ready": report.ready,
        "problems": list(report.problems),
        "cells": [asdict(cell) for cell in report.cells],
    }


def _table(rows: Sequence[tuple[str, str, str]]) -> FittedTable:
    table = fact_table("cell", "state", "detail", wraps=("cell", "detail"))
    for cell, state, detail in rows:
        table.add_row(Text(cell, "name"), Text(state, STYLES[state]), Text(detail))
    return table
