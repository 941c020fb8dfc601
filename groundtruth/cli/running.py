"""What the scoring commands do alike on both tracks: run cells, write and show their result, judge it."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from groundtruth.cli.options import print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from groundtruth.bench.cells import Cell, Outcome
    from groundtruth.bench.outcomes import Outcomes
    from groundtruth.bench.variable_cells import VariableCell
    from groundtruth.testing.contract import Promise

AnyCell = TypeVar("AnyCell", "Cell", "VariableCell")


def run(
    cells: "Sequence[AnyCell]", out: Path, jobs: int | None
) -> "tuple[list[tuple[AnyCell, Outcome]], dict[str, Any]]":
    """Run cells with a progress bar; an interruption leaves what is finished.

    Args:
        cells: What to run.
        out: What is finished goes to, and is looked up in, its folder ``cells``.
        jobs: Processes; ``None``: one a CPU.

    Returns:
        The cells with their outcomes, in their order; and how it went: seconds, processes, how many were known.
    """
    import torch

    from groundtruth.bench import CellStore, run_cells
    from groundtruth.report.progress import tracked

    torch.set_num_threads(1)
    start, known, processes = time.perf_counter(), 0, jobs or os.cpu_count() or 1
    found: dict[Any, Outcome] = {}
    outcomes = run_cells(cells, CellStore(out / "cells"), jobs=processes)
    for cell, outcome, was_known in tracked("scoring", outcomes, total=len(cells)):
        found[cell] = outcome
        known += was_known
    how = {"seconds": time.perf_counter() - start, "jobs": processes, "known": known}
    return [(cell, found[cell]) for cell in cells], how


def show(
    result: "Outcomes[Any]",
    *,
    json: bool,
    data: Callable[[], Any],
    view: "Callable[[], Sequence[RenderableType]]",
) -> int:
    """Print a result as JSON or as its tables.

    Args:
        result: What was run.
        json: Which of the two.
        data: Makes the one.
        view: Makes the other.

    Returns:
        The exit code: 1 if a method failed.
    """
    from groundtruth.report.terminal import echo

    if json:
        print_json(data())
    else:
        echo(*view())
    return 1 if result.failures else 0


def judge(code: int, missed: Sequence[str], *, json: bool) -> int:
    """The exit code where there are thresholds, and a line for each that is not met."""
    from rich.text import Text

    from groundtruth.report.terminal import echo

    if missed and not json:
        echo(*(Text(line, "bad") for line in missed))
    return 1 if missed or code else 0


def show_contract(method: str, promises: "Sequence[Promise]", *, json: bool) -> int:
    """Print which promises a method keeps; 1 if one is broken."""
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.contract_view import contract_data, contract_table

    if json:
        print_json(contract_data(method, promises))
    else:
        echo(contract_table(method, promises))
    return 0 if all(promise.ok for promise in promises) else 1
