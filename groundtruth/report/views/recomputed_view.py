"""What came of cells that were run again, in a few lines."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.views.track_report import TRACK_REPORTS
from groundtruth.results.cell import Cell
from groundtruth.scoreboard.bundle import Bundle
from groundtruth.scoreboard.recompute_cells import Draw, Recomputed


def recomputed_view(
    bundle: Bundle, draw: Draw, found: Sequence[Recomputed], others: Sequence[str], false: Sequence[str] = ()
) -> Iterator[Text]:
    """Say how many cells were run again, which differ and how, and what may excuse it.

    Args:
        bundle: Bundle that was checked.
        draw: Draw of the cells.
        found: Outcome of each.
        others: Versions that scored the bundle and are otherwise here.
        false: Statements of the bundle on whole methods that its own cells do not bear out.
    """
    wrong = [one for one in found if one.differences]
    yield Text(
        f"{bundle.path} · {len(found)} of {notation.plural(draw.of, 'cell')} run again · seed {draw.seed}", "heading"
    )
    for one in wrong:
        yield Text.assemble(("differs  ", "bad"), _name(one.cell), ": ", "; ".join(one.differences))
    for line in false:
        yield Text.assemble(("differs  ", "bad"), line)
    if wrong and others:
        yield Text(f"scored otherwise than here: {'; '.join(others)}", "warn")
    counts = [f"{notation.plural(len(wrong), 'cell')} of {len(found)} not as the bundle has it"] if wrong else []
    counts += [f"{notation.plural(len(false), 'mean')} not what the cells give"] if false else []
    yield Text(", ".join(counts) or "all as the bundle has it", "bad" if counts else "good")
    command = f"groundtruth leaderboard check {bundle.path} --recompute {draw.share:g} --seed {draw.seed}"
    yield Text(f"repeat: {command}", "faint")


def recomputed_data(
    bundle: Bundle, draw: Draw, found: Sequence[Recomputed], others: Sequence[str], false: Sequence[str] = ()
) -> dict[str, Any]:
    """Write the same as JSON has it."""
    return {
        "bundle": str(bundle.path),
        "seed": draw.seed,
        "cells": draw.of,
        "run_again": len(found),
        "differing": [{"cell": _name(one.cell), "differences": one.differences} for one in found if one.differences],
        "false_summaries": list(false),
        "scored_otherwise": list(others),
    }


def _name(cell: Cell) -> str:
    return f"{cell.method} on {TRACK_REPORTS[cell.setting.track].place(cell)}"
