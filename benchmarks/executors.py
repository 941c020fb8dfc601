"""What it costs to run a sweep by Ray or submitit: workers on this machine against processes, on the same cells.

    OMP_NUM_THREADS=1 python benchmarks/executors.py [--cells 500] [--jobs 2] [--methods eap,ifr]

The cells are the first of the default profile, whole models at a time; where it has fewer, those of the next seed are
taken too. All executors run them afresh: Ray's cluster and its workers started anew, submitit's jobs by its local
executor. Apart from that: how long an executor takes for jobs that do nothing, what the driver does for a cell, what
memory a worker takes. Wall time is lengthened by whatever else runs on the machine; CPU time of the driver and all
processes under it is not, so both are printed.
docs/clusters.md shows what came out.
"""

import argparse
import operator
import os
import resource
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import torch

from groundtruth.bench import Cell, CellStore, Request, find_track, plan_cells, run_cells
from groundtruth.bench.cell_job import read_cell_outcome, run_cell_job, write_cell_job
from groundtruth.bench.cell_key import cell_key
from groundtruth.executors import Executor, Needs, choose_executor

EMPTY = 400
"""Number of jobs that do nothing."""

SEEDS = 20
"""Number of draws of the examples, enough for any number of cells that is worth while."""

LOCAL = {"processes": None, "ray": None, "submitit": "local"}
"""Executors on this machine, and the address that says so."""


_LOOK = 0.2
"""Seconds between two looks at the processes: a process that ends is counted up to the last look."""


@dataclass
class CpuMeter:
    """CPU seconds of this process and of all under it, dead or alive, while a block runs.

    Workers of Ray are children of its own servers, whose deaths nobody tells us of: so the kernel's table of processes
    is read again and again.

    Attributes:
        seconds: CPU seconds, once the block has ended.
    """

    seconds: float = 0.0
    _seen: dict[str, float] = field(default_factory=dict[str, float])
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "CpuMeter":
        self._before = sum(_cpu_of_descendants().values())
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._seen |= _cpu_of_descendants()
        self.seconds = sum(self._seen.values()) - self._before

    def _watch(self) -> None:
        while not self._done.wait(_LOOK):
            self._seen |= _cpu_of_descendants()


def _cpu_of_descendants() -> dict[str, float]:
    """CPU seconds of this process and of all that run under it, by process and when it began (Linux)."""
    tick = os.sysconf("SC_CLK_TCK")
    children, seconds = defaultdict[int, list[int]](list), dict[int, tuple[str, float]]()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()  # a process may have spaces in its name
        except OSError:  # it has just ended
            continue
        own, parent, used, began = int(path.parent.name), int(fields[1]), int(fields[11]) + int(fields[12]), fields[19]
        children[parent].append(own)
        seconds[own] = f"{own} {began}", used / tick
    found, todo = dict[str, float](), [os.getpid()]
    while todo:
        own = todo.pop()
        todo += children[own]
        found |= [seconds[own]] if own in seconds else []
    return found


def first_cells(n: int, methods: tuple[str, ...] | None) -> list[Cell]:
    """Take cells of the default profile, whole models, until there are n."""
    taken: list[Cell] = []
    asked = Request(resamples=2 if methods is None else SEEDS, methods=methods)
    cells = sorted(plan_cells(find_track("circuits"), asked), key=lambda cell: cell.seed)
    for _, group in groupby(cells, key=lambda cell: cell.evaluator):
        if len(taken) < n:
            taken += group
    return taken


def sweep_seconds(cells: list[Cell], executor: Executor) -> tuple[float, float]:
    """Run cells afresh and give wall time and CPU time."""
    with tempfile.TemporaryDirectory() as folder, CpuMeter() as meter:
        start = time.perf_counter()
        list(run_cells(cells, CellStore(Path(folder)), executor=executor))
        wall = time.perf_counter() - start
    return wall, meter.seconds


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
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--methods", help="names, separated by commas, instead of all: cells of cheap ones are cheap")
    parser.add_argument("--executors", default=",".join(LOCAL), help="the first is what the others are compared with")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells = first_cells(asked.cells, None if asked.methods is None else tuple(asked.methods.split(",")))
    print(f"driver: {1e3 * driver_seconds(cells):.1f} ms a cell")
    names = asked.executors.split(",")
    with tempfile.TemporaryDirectory() as folder:
        compare_executors(cells, {name: executor_here(name, asked.jobs, Path(folder)) for name in names}, asked.jobs)


def executor_here(name: str, jobs: int, folder: Path) -> Executor:
    """An executor on this machine."""
    return choose_executor(name, jobs=jobs, address=LOCAL.get(name), folder=folder / name)


def compare_executors(cells: list[Cell], executors: dict[str, Executor], jobs: int) -> None:
    """Print what jobs that do nothing, and the cells, take by each."""
    walls, processors = dict[str, float](), dict[str, float]()
    for name, executor in executors.items():
        start, each = empty_seconds(executor, jobs)
        print(f"{name}: {start:.1f} s to the first job of none, then {1e3 * each:.1f} ms a job")
        walls[name], processors[name] = sweep_seconds(cells, executor)
        print(f"{name}: {len(cells)} cells in {walls[name]:.1f} s, {processors[name]:.1f} s of CPU", flush=True)
    base = next(iter(executors))
    for name in list(executors)[1:]:
        wall, processor = (taken[name] / taken[base] for taken in (walls, processors))
        print(f"{name} / {base}: {wall:.2f} of the wall time, {processor:.2f} of the CPU time")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"a process takes {peak:.2f} GiB at most")


if __name__ == "__main__":
    main()
