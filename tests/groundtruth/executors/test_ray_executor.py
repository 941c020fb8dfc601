"""On a real cluster of two nodes: what is lost is run again, and the outcomes are those of a serial run."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench import Cell, CellStore, run_cells
from groundtruth.errors import WorkerError
from groundtruth.executors import Needs, Serial, choose_executor, ray_executor
from groundtruth.generated import Bounds
from groundtruth.generated.suite import generate
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.verification.verify_many import verify_many
from groundtruth.verification.verify_model import verify
from groundtruth.workers import Lost
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.executors.two_nodes import NODE, cluster
from tests.groundtruth.executors.word_jobs import run_word
from tests.patience import wait_until

__all__ = ["cluster"]

NEEDS = Needs(memory=2**28)

# Beside the method lies a file that it imports: both travel. It says where it is, and waits until it may go on.
GATED = """import os
import time
from pathlib import Path

import mib
from weights import WEIGHT

PLACE = Path({place!r})

def gated(task):
    (PLACE / f"{{os.getpid()}}-{{time.time_ns()}}.pid").touch()
    while not (PLACE / "open").exists():
        time.sleep(0.05)
    return mib.EdgeScores(task.graph, [WEIGHT * i for i in range(len(task.graph.edges))])
"""


def run_words(*batches: list[str], folder: Path | str = "", **options) -> dict[str, str | Lost]:
    executor = choose_executor("ray", jobs=2)
    return dict(executor.run_batches(run_word, str(folder), batches, needs=NEEDS, **options))


def process_of(run: Path) -> Path:
    """The folder of the process that a run of the gated method was in, gone when the process is."""
    return Path("/proc", run.stem.partition("-")[0])


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    (tmp_path / "weights.py").write_text("WEIGHT = 0.5\n")
    (tmp_path / "mine.py").write_text(GATED.format(place=str(tmp_path)))
    methods = ("random", f"{tmp_path}/mine.py:gated", "eap")
    return [
        circuit_cell(method, model, n_pairs=8, max_sizes=3) for model in ("hist", "copy_first") for method in methods
    ]


def timeless(outcomes) -> dict:
    return {cell: replace(scores, seconds=0.0) for cell, scores, _ in outcomes}


def test_a_lost_worker_is_replaced_and_what_ends_each_is_given_up(cluster, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(ray_executor, "RETRIES", 1)
    found = run_words(["a", "kill once", "b"], ["kill always", "c"], folder=tmp_path)
    lost = found.pop("kill always")
    assert found == {"a": "aa", "kill once": "kill once" * 2, "b": "bb", "c": "cc"}
    assert str(lost).startswith("its worker was lost 2 times, last on ")


def test_a_job_that_takes_too_long_is_stopped_and_not_tried_again(cluster) -> None:
    found = run_words(["sleep", "a"], timeout=10.0)  # seconds in which a slow machine answers, too
    assert found == {"sleep": Lost(timeout=10.0), "a": "aa"}


@pytest.mark.parametrize(("word", "told"), [("refuse", "this worker has another code"), ("divide", "ZeroDivision")])
def test_what_a_worker_raises_ends_the_run_and_names_its_node(cluster, word: str, told: str) -> None:
    with pytest.raises(WorkerError, match=rf"on node {os.uname().nodename}: {told}"):
        run_words([word])


def test_a_worker_that_fits_nowhere_is_told(cluster, monkeypatch) -> None:
    monkeypatch.setattr(ray_executor, "START_LIMIT", 2.0)
    asked = choose_executor("ray").run_batches(run_word, "", [["a"]], needs=Needs(memory=2**28, gpus=1))
    with pytest.raises(WorkerError, match=r"no worker could start within 2 s: each asks for 1 CPU, 1 GPU and 0.2 GiB"):
        list(asked)


def test_a_node_killed_in_mid_sweep_changes_no_outcome(cluster, cells: list[Cell], tmp_path: Path) -> None:
    node = next(node for node in cluster.worker_nodes)
    outcomes = run_cells(cells, CellStore(tmp_path / "ray"), executor=choose_executor("ray"))
    found = [next(outcomes), next(outcomes)]
    wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, "a worker in the midst of a method on each node")
    cluster.remove_node(node, allow_graceful=False)
    # Its worker outlives it for a moment, in which an open gate would let it answer: nothing would be lost.
    wait_until(lambda: any(not process_of(run).exists() for run in tmp_path.glob("*.pid")), "the end of a worker")
    (tmp_path / "open").touch()
    found += outcomes
    cluster.add_node(**NODE)
    assert len(list(tmp_path.glob("*.pid"))) == 3  # the one that was lost, once more, by whoever was free first
    serial = run_cells(cells, CellStore(tmp_path / "serial"), executor=Serial())
    assert timeless(found) == timeless(serial)
    assert all(isinstance(outcome, CircuitScores) for _, outcome, _ in found)


DRIVER = """import json, sys
from pathlib import Path
from groundtruth.bench import CellStore, run_cells
from groundtruth.results.cell import read_cell
from groundtruth.executors import choose_executor

cells, store, address = json.loads(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
executor = choose_executor("ray", jobs=1, address=address)
list(run_cells([read_cell(cell) for cell in cells], CellStore(store), executor=executor))
"""


def test_a_driver_killed_takes_its_workers_along_and_the_next_one_goes_on(cluster, cells, tmp_path: Path) -> None:
    from groundtruth.results.cell import cell_fields

    (tmp_path / "driver.py").write_text(DRIVER)
    given = [json.dumps([cell_fields(cell) for cell in cells[:2]]), str(tmp_path / "cells"), cluster.address]
    driver = subprocess.Popen([sys.executable, str(tmp_path / "driver.py"), *given])
    try:
        wait_until(lambda: list(tmp_path.glob("*.pid")) or driver.poll() is not None, "a worker at work")
        driver.send_signal(signal.SIGKILL)
        (worker,) = tmp_path.glob("*.pid")
        wait_until(lambda: not process_of(worker).exists(), "the end of the worker")
    finally:
        driver.kill()
    (tmp_path / "open").touch()
    found = list(run_cells(cells[:2], CellStore(tmp_path / "cells"), executor=choose_executor("ray", jobs=1)))
    assert [known for *_, known in found] == [True, False]
    assert timeless(found) == timeless(run_cells(cells[:2], CellStore(tmp_path / "serial"), executor=Serial()))


def test_models_are_proven_and_drawn_on_the_cluster_as_here(cluster, tmp_path: Path) -> None:
    names, ray = ["contains_x", "copy_first"], choose_executor("ray", jobs=1)
    proven = list(verify_many(names, executor=ray))
    assert [one.checks for one in proven] == [verify(name).checks for name in names]
    for place, executor in (("there", ray), ("here", Serial())):
        generate(2, tmp_path / place, bounds=Bounds(depth=(1, 1), length=(2, 2)), executor=executor)
    there, here = (
        {path.relative_to(tmp_path / place): path.read_bytes() for path in (tmp_path / place).rglob("*.*")}
        for place in ("there", "here")
    )
    assert there == here and len(here) == 7
