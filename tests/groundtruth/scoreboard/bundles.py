"""Bundles as people hand them in: a result file with the source of its method beside it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from groundtruth.bench import CellStore, result_of, run_cells
from groundtruth.bench.circuit_track import CIRCUITS
from groundtruth.executors import Needs, Serial
from groundtruth.report.views.track_report import write_result
from tests.groundtruth.bench.cell_makers import circuit_cell

METHOD = """from pathlib import Path

import mib
from weights import WEIGHT

(Path(__file__).parent / "was-run").touch()

def mine(task):
    return mib.EdgeScores(task.graph, [WEIGHT * i for i in range(len(task.graph.edges))])
"""


def write_bundle(folder: Path, *methods: str, models: Sequence[str] = ("hist", "copy_first")) -> Path:
    """Score methods, and write the result with the source of ``mine.py:mine`` beside it."""
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(METHOD)
    (folder / "weights.py").write_text("WEIGHT = 0.5\n")
    named = [f"{folder}/{method}" if ".py" in method else method for method in methods]
    cells = [circuit_cell(method, model, n_pairs=8, max_sizes=3) for model in models for method in named]
    found = [(cell, outcome) for cell, outcome, _ in run_cells(cells, CellStore(folder / "cells"))]
    result = result_of(found, seconds=1.0, controls=CIRCUITS.controls(named), seed=0, level="edge")
    path = write_result(result, folder, "result")[0]
    (folder / "was-run").unlink(missing_ok=True)
    return path


def change(path: Path, how: Callable[[dict[str, Any]], None]) -> None:
    """Change a result file as whoever tampers with it would."""
    data = json.loads(path.read_text())
    how(data)
    path.write_text(json.dumps(data))


class Here(Serial):
    """An executor that runs here what should run apart, for a test that trusts its methods."""

    def run_batches(self, function, common, batches, *, needs: Needs, timeout=None, apart=False) -> Iterator:
        return super().run_batches(function, common, batches, needs=needs)
