import importlib.util

import pytest

from groundtruth.errors import WorkerError
from groundtruth.executors import Needs, Processes, Serial, choose_executor
from groundtruth.workers import Lost
from tests.groundtruth.executors.word_jobs import run_word

NEEDS = Needs(memory=2**28)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"name": "rai"}, r"unknown executor 'rai'. Did you mean: ray\? .* submitit \(jobs of Slurm\)"),
        ({"name": "processes", "address": "auto"}, r"an address \('auto'\) is for the executors ray and submitit"),
        (
            {"name": "ray", "options": {"timeout_min": 5}},
            r"options of Slurm \(timeout_min\) are for the executor submitit",
        ),
        ({"name": "serial", "jobs": 4}, "'serial' is one process, not 4. Leave the number out, or use processes"),
    ],
)
def test_what_cannot_be_chosen_is_told(asked, error) -> None:
    with pytest.raises(WorkerError, match=error):
        choose_executor(**asked)


@pytest.mark.parametrize(("name", "extra"), [("ray", "ray"), ("submitit", "slurm")])
def test_a_missing_extra_is_named_in_one_line(name, extra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WorkerError) as raised:
        choose_executor(name)
    assert str(raised.value) == (
        f"the package '{name}' is not installed. Install it by: pip install 'mechinterp-groundtruth[{extra}]'"
    )


def test_serial_runs_all_here_and_refuses_what_needs_another_process() -> None:
    found = Serial().run_batches(run_word, "", [["a", "b"], ["c"]], needs=NEEDS)
    assert list(found) == [("a", "aa"), ("b", "bb"), ("c", "cc")]
    with pytest.raises(WorkerError, match="a time limit of 2 s needs a process that can be stopped"):
        list(Serial().run_batches(run_word, "", [["a"]], needs=NEEDS, timeout=2.0))
    with pytest.raises(WorkerError, match="isolated methods need a process that has not run their files"):
        list(Serial().run_batches(run_word, "", [["a"]], needs=NEEDS, apart=True))


def test_processes_run_all_apart_where_this_one_must_not() -> None:
    """The first job would kill this process."""
    found = dict(Processes(1).run_batches(run_word, "", [["kill always", "a"]], needs=NEEDS, apart=True))
    assert found == {"kill always": Lost(-9), "a": "aa"}
