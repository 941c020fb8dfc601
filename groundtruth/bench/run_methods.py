"""Score several methods on several models, from Python."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.plan_cells import plan_cells
from groundtruth.bench.request import Request
from groundtruth.bench.run_cells import run_cells
from groundtruth.bench.tracks import find_track
from groundtruth.executors import choose_executor
from groundtruth.results.result import Result, result_of
from mib.errors import MethodError


def run_methods(
    methods: Sequence[str] | str | None = None,
    models: Sequence[str] | str | None = None,
    *,
    track: str = "circuits",
    jobs: int | None = 1,
    executor: str = "processes",
    address: str | None = None,
    out: str | Path | None = None,
    **asked: Any,
) -> Result:
    """Score several methods on several models.

    Args:
        methods: Names of registered methods, ``my_file.py:my_method`` or ``my_pkg.my_mod:my_method``; ``None``: all
            of the profile.
        models: Names of models; ``None``: those of the profile.
        track: ``circuits`` or ``variables``.
        jobs: Workers, at most; ``None``: one a CPU. A script that asks for several processes keeps its code under
            ``if __name__ == "__main__":``.
        executor: Executor of the cells: ``serial``, ``processes``, ``ray`` or ``submitit``.
        address: The cluster of Ray or of submitit, as ``choose_executor`` takes it.
        out: Folder that keeps finished cells, so that they are not run again; ``None`` keeps none.
        asked: Other fields of ``Request``: ``profile``, ``tasks``, ``ablations``, ``level``, ``seed``, ``device``,
            ``dtype``, ``prompts``, ``parameters``.

    Raises:
        DomainError: If a track, profile, ablation, dtype or device is unknown, or nothing is left to run.
        MethodError: If a method is unknown, or is a function: a process of its own could not find it.
        ArtifactError: If a model is unknown.
        WorkerError: If an executor is unknown or not installed, or its workers cannot start.

    Example:
        >>> result = groundtruth.bench(["eap", "exact"], ["hist", "reverse"], profile="smoke")
        >>> result.to_frame()
    """
    named = {"methods": _list_names(methods, "methods"), "models": _list_names(models, "models")}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as nowhere:
        folder = Path(nowhere if out is None else out)
        chosen = choose_executor(executor, jobs=jobs, address=address, folder=folder / "jobs")
        chosen_track = find_track(track)
        cells = plan_cells(chosen_track, Request(**named, **asked), is_remote=chosen.is_remote)
        store = CellStore(folder / "cells")
        found = {cell: outcome for cell, outcome, _ in run_cells(cells, store, executor=chosen)}
    seconds = time.perf_counter() - start
    controls = chosen_track.controls(cell.method for cell in cells)
    return result_of([(cell, found[cell]) for cell in cells], seconds=seconds, controls=controls, track=track)


def _list_names(names: Sequence[str] | str | None, what: str) -> list[str] | None:
    if names is None or isinstance(names, str):
        return None if names is None else [names]
    # A list of functions is the likeliest mistake, and would fail far from here.
    for name in names:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - whoever calls may not type
            raise MethodError(
                f"{what} are named by text, not by a {type(name).__name__}: a name, or my_file.py:my_method. For a "
                "function on one model there is groundtruth.score."
            )
    return list(names)
