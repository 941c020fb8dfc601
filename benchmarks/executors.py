"""What it costs to run a sweep by Ray: workers of a cluster of this machine against processes, on the same cells.

    OMP_NUM_THREADS=1 python benchmarks/executors.py [--cells 100] [--jobs 2]

The cells are the first of the default profile, whole models at a time. Both executors run them afresh, Ray's cluster
and its workers started anew. Apart from that: how long an executor takes for jobs that do nothing, what the driver does
for a cell, and what memory a worker takes. Wall time, so nothing else should be running. docs/clusters.md shows what
came out.
"""

import argparse
import operator
import resource
import tempfile
import time
from itertools import groupby
from pathlib import Path

import torch

from groundtruth.bench import Cell, CellStore, Request, find_track, plan_cells, run_cells
from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import cell_key
from groundtruth.executors import Executor, Needs, choose_executor

EMPTY = 400
"""How many jobs that do nothing."""


def first_cells(n: int) -> list[Cell]:
    """Take cells of the default profile, whole models, until there are n."""
    taken: list[Cell] = []
    for _, group in groupby(plan_cells(find_track("circuits"), Request()), key=lambda cell: cell.evaluator):
        cells = list(group)
        if len(taken) < n and not cells[0].task:
            taken += cells
    return taken


def sweep_seconds(cells: list[Cell], executor: Executor) -> float:
    """Run cells afresh and give the wall time."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        list(run_cells(cells, CellStore(Path(folder)), executor=executor))
        return time.perf_counter() - start


def empty_seconds(executor: Executor, jobs: int) -> tuple[float, float]:
    """Time jobs that do nothing: until the first is done, and each one after it."""
    texts = [str(number) for number in range(EMPTY)]
    batches = [texts[start::jobs] for start in range(jobs)]
    start = time.perf_counter()
    # operator.add of two texts: a function that every worker has and that imports nothing
    outcomes = executor.run_batches(operator.add, "", batches, needs=Needs(memory=2**28), apart=True)
    next(outcomes)
    first = time.perf_counter()
    rest = len(list(outcomes))
    return first - start, (time.perf_counter() - first) / rest


def driver_seconds(cells: list[Cell]) -> float:
    """Time what the driver does for a cell: its key, its job, and its outcome read and kept."""
    cell = cells[0]
    text = run_cell_job("", write_cell_job(cell, checked=False))
    with tempfile.TemporaryDirectory() as folder:
        store = CellStore(Path(folder))
        for other in cells:  # hashes of code and models are made once
            cell_key(other)
        start = time.perf_counter()
        for other in cells:
            write_cell_job(other, checked=True)
            store.put(cell_key(other), read_cell_outcome(text))
        return (time.perf_counter() - start) / len(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells = first_cells(asked.cells)
    print(f"driver: {1e3 * driver_seconds(cells):.1f} ms a cell")
    executors = {name: choose_executor(name, jobs=asked.jobs) for name in ("processes", "ray")}
    seconds: dict[str, float] = {}
    for name, executor in executors.items():
        start, each = empty_seconds(executor, asked.jobs)
        print(f"{name}: {start:.1f} s to the first job of none, then {1e3 * each:.1f} ms a job")
        seconds[name] = sweep_seconds(cells, executor)
        print(f"{name}: {len(cells)} cells in {seconds[name]:.1f} s, {seconds[name] / len(cells):.2f} s a cell")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"ray / processes: {seconds['ray'] / seconds['processes']:.2f}; a process takes {peak:.2f} GiB at most")


if __name__ == "__main__":
    main()
