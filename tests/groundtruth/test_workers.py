"""A killed process costs the job it was at: the others' results come, in order where that is asked for."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from groundtruth import workers
from groundtruth.errors import MiscompiledProgram, UnsupportedProgram, WorkerError
from groundtruth.executors import Needs, Processes
from groundtruth.executors.ordered_jobs import run_ordered
from groundtruth.workers import Lost, run_batches, run_in_order
from tests.killing import kill_workers
from tests.patience import PATIENCE, wait_until

KILLED = "its process was killed (signal 9): most likely out of memory"


def work(job: int | str) -> int:
    """Square a number; end the process over a word."""
    if job == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "stop":
        os.kill(os.getpid(), signal.SIGTERM)
    if job == "leave":
        os._exit(3)
    if job == "slow":
        time.sleep(0.5)
        return 0
    assert isinstance(job, int)
    return job * job


def once(_: str, path: str) -> str:
    """Fail to come back the first time, by a trace in a folder; or every time."""
    if Path(path).name == "always" or not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Path(path).name


def fail(job: int) -> int:
    if job == 1:
        raise MiscompiledProgram("x", tokens=[1], expected=[2], actual=[3], wrong=1, checked=4, cause="a cause")
    raise UnsupportedProgram(["one reason", "another"])


def test_a_killed_process_costs_its_job_only() -> None:
    batches = [[1, "kill", 2], [3, "leave"], ["stop"]]
    found = dict(run_batches(work, batches, processes=2))
    assert found == {1: 1, "kill": Lost(-9), 2: 4, 3: 9, "leave": Lost(3), "stop": Lost(-15)}
    assert [str(found[job]) for job in ("kill", "leave", "stop")] == [
        KILLED,
        "its process ended in the middle, with exit code 3",
        "its process was killed by signal 15",
    ]


def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = ["slow", 3, "kill", 4]
    assert list(run_in_order(work, jobs, processes=2)) == [("slow", 0), (3, 9), ("kill", Lost(-9)), (4, 16)]


def test_a_lost_job_is_run_once_more_after_all_others(tmp_path: Path) -> None:
    always, first, never = (str(tmp_path / name) for name in ("always", "first", "never"))
    Path(never).touch()
    run = run_ordered(Processes(2), once, "", [always, first, never], needs=Needs(memory=1), again=True)
    assert list(run) == [(always, Lost(-9)), (first, "first"), (never, "never")]


def test_a_process_killed_while_it_starts_costs_its_job_only(monkeypatch: pytest.MonkeyPatch) -> None:
    kill_workers(monkeypatch, {0})
    assert list(run_in_order(work, [1, 2, 3], processes=2)) == [(1, Lost(-9)), (2, 4), (3, 9)]


def test_what_a_job_raises_is_raised_here_in_its_own_words() -> None:
    """Two classes that do not survive pickling: one needs more than its message, one would spell it out."""
    with pytest.raises(ValueError, match="'x' cannot be compiled exactly: on input 1 the model gives 3, the program 2"):
        list(run_in_order(fail, [1, 1], processes=2))
    with pytest.raises(ValueError, match=r"cannot be compiled:\n  - one reason\n  - another"):
        list(run_in_order(fail, [2, 2], processes=2))


def test_one_process_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started = kill_workers(monkeypatch, ())
    assert list(run_in_order(work, [1, 2], processes=1)) == [(1, 1), (2, 4)]
    assert list(run_in_order(work, [3], processes=2)) == [(3, 9)]
    assert started == []


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from groundtruth.workers import run_in_order\nlist(run_in_order(abs, [1, 2], processes=2))\n")
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert told.returncode == 1
    assert f"{WorkerError.__name__}: a process could not start: exit code 1" in told.stderr
    assert "if __name__ == '__main__':" in told.stderr


def threads(_: str) -> int:
    import torch

    return torch.get_num_threads()


def test_a_process_has_one_thread() -> None:
    """With a time limit a job has a process of its own, also where it is the only one."""
    assert list(run_in_order(threads, ["the only job"], processes=2, timeout=PATIENCE)) == [("the only job", 1)]


def tell(name: str) -> str | None:
    os.write(1, b"past the stream\n")
    return os.environ.get(name)


def test_processes_write_and_have_an_environment_as_here_and_now(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not as they were when the first process was started, whatever it left running for the next ones."""
    list(run_batches(tell, [["PLACE"]], processes=1))
    capfd.readouterr()
    for place in ("here", "there"):
        monkeypatch.setenv("PLACE", place)
        assert list(run_batches(tell, [["PLACE"]], processes=1)) == [("PLACE", place)]
        assert capfd.readouterr().out == "past the stream\n"
    monkeypatch.delenv("PLACE")
    assert list(run_batches(tell, [["PLACE"]], processes=1)) == [("PLACE", None)]


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def ignore_and_sleep(seconds: float) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize("function", [sleep, ignore_and_sleep])
def test_a_job_that_takes_too_long_is_stopped_and_the_others_go_on(function, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that stands still until the quick jobs have answered: however slow the machine, they are not late."""
    clock = [0.0]
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    found = dict[float, float | Lost]()
    for job, outcome in run_batches(function, [[0.01, PATIENCE, 0.02], [0.03]], processes=2, timeout=0.5):
        found[job] = outcome
        if found.keys() == {0.01, 0.03}:
            clock[0] = 0.5
    assert found == {0.01: 0.01, PATIENCE: Lost(-9, 0.5), 0.02: 0.02, 0.03: 0.03}
    assert str(found[PATIENCE]) == "it was stopped after 0.5 s, its time limit"


def test_a_time_limit_holds_for_one_process_and_one_job_too_and_is_not_tried_again() -> None:
    assert list(run_in_order(sleep, [PATIENCE], processes=1, timeout=0.5)) == [(PATIENCE, Lost(-9, 0.5))]
    assert list(run_in_order(sleep, [0.0], processes=1, timeout=PATIENCE)) == [(0.0, 0.0)]


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_a_time_limit_that_leaves_no_time_is_refused(timeout) -> None:
    with pytest.raises(WorkerError, match=r"timeout=.* leaves a job no time; give seconds above 0, or None"):
        list(run_batches(sleep, [[1.0]], processes=1, timeout=timeout))


def tell_and_sleep(folder: str) -> None:
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(PATIENCE)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_the_process_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    """Ended by a scheduler, killed, or interrupted: whatever its workers are at, they end with it."""
    script = tmp_path / "script.py"
    script.write_text(
        "from groundtruth.workers import run_batches\nfrom tests.groundtruth.test_workers import tell_and_sleep\n"
        f"if __name__ == '__main__':\n    list(run_batches(tell_and_sleep, [[{str(tmp_path)!r}]] * 2, processes=2))\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # A shell's background job is started with SIGINT ignored, and so would all that it starts be.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    parent = subprocess.Popen([sys.executable, str(script)], cwd=root, env=environment, preexec_fn=heed)
    try:
        wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2 or parent.poll() is not None, "two workers at work")
        pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
        assert len(pids) == 2
        parent.send_signal(how)
        parent.wait(timeout=PATIENCE)
        wait_until(lambda: not any(map(alive, pids)), "the end of the workers")
    finally:
        parent.kill()
