"""What bench and score share: run what was asked for, write and show its result, judge it."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtruth.cli.options import memory_in, print_json, split

if TYPE_CHECKING:
    from groundtruth.bench import Request, Result, Track
    from groundtruth.bench.cell import Cell, Outcome
    from groundtruth.evaluation.prompts import Prompts


@dataclass(frozen=True)
class RunOptions:
    """How a run goes, whatever it is of.

    Attributes:
        out: Folder of the result files and, below it, of the finished cells.
        jobs: Processes; ``None``: one a CPU.
        json: Whether to print JSON.
        fresh: Whether cells of earlier runs are run again.
        timeout: Seconds that a cell may take.
        columns: Columns of the table, separated by commas; ``None``: those that fit.
        wide: Whether the table has every column, however long its lines become.
    """

    out: Path
    jobs: int | None = None
    json: bool = False
    fresh: bool = False
    timeout: float | None = None
    columns: str | None = None
    wide: bool = False


def read_prompts(data: str | None, answer_prefix: str | None, memory: str | None) -> "Prompts":
    """Read the options that say where language models' prompts come from.

    Raises:
        TaskError: If the memory is no size.
    """
    from groundtruth.evaluation.prompts import Prompts

    return Prompts(data, answer_prefix, memory_in(memory))


def run_request(track: "Track", request: "Request", options: RunOptions, **settings: Any) -> "Result":
    """Run what was asked for, with a progress bar; an interruption leaves what is finished.

    Args:
        track: What is run.
        request: Which models, methods and settings.
        options: How it is run.
        settings: What else the result file says of how it was run.
    """
    import torch

    from groundtruth.bench import CellStore, plan_cells, result_of, run_cells
    from groundtruth.report.progress import tracked
    from groundtruth.report.standing import choose_columns

    torch.set_num_threads(1)
    choose_columns(track.columns, "screen", split(options.columns, "--columns"))  # a wrong name is told before the run
    cells = plan_cells(track, request)
    start, known, processes = time.perf_counter(), 0, options.jobs or os.cpu_count() or 1
    found: dict[Cell, Outcome] = {}
    store = CellStore(options.out / "cells", fresh=options.fresh)
    outcomes = run_cells(cells, store, jobs=processes, timeout=options.timeout)
    for cell, outcome, was_known in tracked("scoring", outcomes, total=len(cells)):
        found[cell] = outcome
        known += was_known
    how: dict[str, Any] = {"seconds": time.perf_counter() - start, "jobs": processes, "known": known}
    asked: dict[str, Any] = {
        "track": track.name, "profile": request.profile, "seed": request.seed, "device": request.device,
        "dtype": ", ".join(dict.fromkeys(cell.dtype for cell in cells)), "data": request.prompts.data,
        "answer_prefix": request.prompts.answer_prefix,
    }  # fmt: skip
    if "level" in track.options:
        asked["level"] = request.level
    return result_of([(cell, found[cell]) for cell in cells], **asked, **how, **settings)


def name_run(track: "Track", request: "Request", what: str, *, settings: Mapping[str, Any] | None = None) -> str:
    """Name the result files of a run: the day, what was run and, unless all is by default, a hash of what was asked.

    Two runs that were asked different things never write the same files.

    Args:
        track: What is run.
        request: Which models, methods and settings.
        what: Name of the profile, or of the user's method.
        settings: What else was asked.
    """
    plain = type(request)(profile=request.profile)
    parts = [time.strftime("%Y-%m-%d"), *([] if track.name == "circuits" else [track.name]), what]
    if request != plain or settings:
        asked = json.dumps([track.name, asdict(request), dict(settings or {})], sort_keys=True, default=str)
        parts.append(hashlib.sha256(asked.encode()).hexdigest()[:8])
    return "-".join(parts)


def publish_result(result: "Result", options: RunOptions, name: str, *, own: str = "") -> int:
    """Write the result files, print the table or JSON, and give the exit code.

    Args:
        result: What was run.
        options: How.
        name: Name of the files, without suffix.
        own: The user's method, which is marked.
    """
    from groundtruth.bench.result_data import result_data
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.track_report import result_ending, result_view, write_result

    paths = write_result(result, options.out, name)
    if options.json:
        print_json(result_data(result))
    else:
        columns = split(options.columns, "--columns")
        view = result_view(result, own=own, columns=columns, wide=options.wide)
        echo(view, result_ending(result, paths, own=own))
    return exit_code(result, own=own)


def exit_code(result: "Result", *, own: str = "") -> int:
    """Give the exit code: 1 if a method failed, or nothing was scored, of the user's own method or at all."""
    scored = [scores for scores in result.scores() if own in ("", scores.method)]
    return 1 if result.failures or not scored else 0


def judge_thresholds(code: int, missed: Sequence[str], *, json: bool) -> int:
    """Give the exit code where there are thresholds, and print a line for each that is not met."""
    from rich.text import Text

    from groundtruth.report.terminal import echo

    if missed and not json:
        echo(*(Text(line, "bad") for line in missed))
    return 1 if missed or code else 0
