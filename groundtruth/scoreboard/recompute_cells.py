"""Run a random share of a bundle's cells again, in processes that never wrote it, and compare."""

import contextlib
import json
import math
import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_claimed_job
from groundtruth.bench.cell_key import evaluator_sha256
from groundtruth.bench.tracks import find_track
from groundtruth.bench.worker_needs import worker_needs
from groundtruth.errors import ArtifactError
from groundtruth.executors import Executor
from groundtruth.executors.same_code import versions
from groundtruth.results.cell import Cell, Failed, Outcome, Skipped
from groundtruth.results.compare_results import SAME
from groundtruth.results.track_tables import TABLES
from groundtruth.scoreboard.bundle import Bundle
from groundtruth.user_methods import is_own_method
from groundtruth.workers import Lost

TIMES = ("seconds",)
"""Columns that are another number at every run."""


@dataclass(frozen=True)
class Recomputed:
    """One cell that was run again.

    Attributes:
        cell: As the bundle has it.
        differences: Differences from before, one line each; none if all is as it was.
    """

    cell: Cell
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Draw:
    """The cells to run again.

    Attributes:
        cells: In the order of the bundle, each with what the bundle says of it.
        of: Number of cells that they were drawn from: those that did not fail.
        share: Share of these that was asked for.
        seed: Draws the same cells again.
    """

    cells: tuple[tuple[Cell, Outcome], ...]
    of: int
    share: float
    seed: int


def draw_cells(bundle: Bundle, share: float, seed: int | None = None) -> Draw:
    """Draw a share of the cells of a bundle, at least one; cells that failed have no number to compare.

    Args:
        bundle: Bundle to check.
        share: More than 0, at most 1.
        seed: Seed of the draw; ``None``: one that nobody could know when the bundle was written.

    Raises:
        ArtifactError: If the bundle has no such cell.
    """
    known = [(cell, outcome) for cell, outcome in bundle.result.outcomes if not isinstance(outcome, Failed)]
    if not known:
        raise ArtifactError(f"{bundle.path} has no cell with a score: nothing to run again.")
    # Not `random`: whoever wrote the bundle must not be able to foresee which cells are run.
    chosen = secrets.randbits(32) if seed is None else seed
    drawn = random.Random(chosen).sample(range(len(known)), math.ceil(share * len(known)))
    return Draw(tuple(known[index] for index in sorted(drawn)), len(known), share, chosen)


def recompute_cells(
    bundle: Bundle, draw: Draw, executor: Executor, *, timeout: float | None = None
) -> Iterator[Recomputed]:
    """Run drawn cells again and compare each, as they come.

    The methods of a bundle are somebody's code: they run in processes of their own, which first compare the hash of
    their sources with what the bundle claims.

    Args:
        bundle: Bundle to check.
        draw: Draw of the cells.
        executor: Executor that runs them.
        timeout: Seconds for each.
    """
    asked = {_write_job(bundle, cell): (cell, outcome) for cell, outcome in draw.cells}
    batches = [list(jobs) for _, jobs in groupby(asked, key=lambda job: asked[job][0].evaluator)]
    needs = worker_needs([cell for cell, _ in draw.cells])
    # Apart in any case: a stranger's code in this process could change what is printed of it.
    run = executor.run_batches(run_again, "", batches, needs=needs, timeout=timeout, apart=True)
    with contextlib.closing(run) as outcomes:
        for job, answer in outcomes:
            cell, before = asked[job]
            yield Recomputed(cell, tuple(_differences(cell, before, answer)))


def run_again(common: str, job: str) -> str:
    """Run one cell of a bundle; a source or a model that is not what it claims is an answer, not the end of all."""
    try:
        return json.dumps({"outcome": run_cell_job(common, job)})
    except ValueError as error:
        return json.dumps({"refused": str(error)})


def other_grounds(bundle: Bundle) -> list[str]:
    """Say what scored the bundle that is otherwise here, so that numbers may differ without anybody's fault."""
    told: list[str] = []
    if bundle.code_sha256 != (own := evaluator_sha256(find_track(bundle.result.tables.name))):
        told.append(f"the code that scores: {bundle.code_sha256[:12]} there, {own[:12]} here")
    here = versions()
    names = sorted({*bundle.versions, *here})
    pairs = [(name, bundle.versions.get(name, "none"), here.get(name, "none")) for name in names]
    return told + [f"{name} {there} there, {now} here" for name, there, now in pairs if there != now]


def _write_job(bundle: Bundle, cell: Cell) -> str:
    source = bundle.source(cell.method)
    claimed: dict[str, Any] = {"model": bundle.models_sha256.get(cell.model, "")}
    if is_own_method(cell.method):
        claimed["method"] = bundle.methods_sha256.get(cell.method, "")
    method = f"{source}:{cell.method.rpartition(':')[2]}" if source is not None else cell.method
    model = _place_of_model(bundle, cell.model)
    return write_claimed_job(replace(cell, method=method, model=model), claimed)


def _place_of_model(bundle: Bundle, model: str) -> str:
    """A model in the bundle's folder, such as one of a suite, or as it is named."""
    inside = bundle.path.parent.resolve() / model
    return str(inside) if Path(model).parts[1:] and inside.is_dir() else model


def _differences(cell: Cell, before: Outcome, answer: str | Lost) -> Iterator[str]:
    if isinstance(answer, Lost):
        yield f"it could not be run again: {answer}"
        return
    given = json.loads(answer)
    if "refused" in given:
        yield given["refused"]
        return
    after = read_cell_outcome(given["outcome"])
    if isinstance(before, Failed | Skipped) or isinstance(after, Failed | Skipped):
        if _kind(before) != _kind(after):
            yield f"{_kind(before)} there, {_kind(after)} here"
        return
    values = TABLES[cell.setting.track].scoring.values
    yield from _changed_values(values(before), values(after))


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return f"failed ({outcome.error})"
    return f"left out ({outcome.reason})" if isinstance(outcome, Skipped) else "scored"


def _changed_values(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> Iterator[str]:
    for name, there in before.items():
        here = after.get(name)
        is_same = there == here or (there is not None and here is not None and abs(there - here) <= SAME)
        if not is_same and name not in TIMES:
            yield f"{name} {_spell(there)} there, {_spell(here)} here"


def _spell(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
