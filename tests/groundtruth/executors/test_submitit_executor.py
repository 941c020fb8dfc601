"""Jobs of submitit, on this machine: results come by files, what is lost is submitted again."""

import os
import re
from pathlib import Path

import pytest

from groundtruth.errors import WorkerError
from groundtruth.executors import Needs, choose_executor, submitit_executor
from groundtruth.workers import Lost
from tests.groundtruth.executors.word_jobs import run_word

NEEDS = Needs(memory=2**28)
pytest.importorskip("submitit", reason="submitit is not installed: pip install 'mechinterp-groundtruth[slurm]'")


def run_words(place: Path, *batches: list[str], jobs: int = 2, **options) -> dict[str, str | Lost]:
    executor = choose_executor("submitit", jobs=jobs, address="local", folder=place / "jobs")
    return dict(executor.run_batches(run_word, str(place), batches, needs=NEEDS, **options))


def test_shares_come_back_whole_and_a_killed_or_late_cell_costs_itself_only(tmp_path: Path) -> None:
    found = run_words(tmp_path, ["a", "kill always", "b"], ["c", "sleep"], timeout=10.0)
    assert found == {"a": "aa", "b": "bb", "c": "cc", "kill always": Lost(-9), "sleep": Lost(-9, 10.0)}
    assert not list((tmp_path / "jobs").iterdir())


def test_a_lost_job_is_submitted_again_and_what_ends_each_is_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submitit_executor, "RETRIES", 1)
    found = run_words(tmp_path, ["a", "kill job once", "b", "kill job always", "c"], jobs=1)
    lost = found.pop("kill job always")
    assert found == {"a": "aa", "kill job once": "kill job once" * 2, "b": "bb", "c": "cc"}
    assert re.fullmatch(r"its job was lost 2 times: job \d+ is [A-Z]+", str(lost))


def test_what_a_job_raises_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="WorkerError: this worker has another code"):
        run_words(tmp_path, ["refuse"])


def test_a_job_whose_driver_gives_no_sign_ends_itself(tmp_path: Path) -> None:
    (tmp_path / "common.json").write_text("")
    (tmp_path / "alive").touch()
    os.utime(tmp_path / "alive", (0, 0))
    (tmp_path / "share-0").mkdir()
    function = (run_word.__module__, run_word.__name__)
    with pytest.raises(WorkerError, match="the driver has given no sign for 300 s"):
        submitit_executor.run_share(str(tmp_path / "share-0"), '[["a", "b"]]', function, None)


def test_a_job_whose_time_is_over_is_lost_and_not_wrong(tmp_path: Path, monkeypatch) -> None:
    """Submitit raises an error of its own in the midst of a job: of Slurm, not of the job."""
    from submitit.core.utils import UncompletedJobError

    def interrupt(*_, **__):
        raise UncompletedJobError("timed-out")

    monkeypatch.setattr(submitit_executor, "run_batches", interrupt)
    (tmp_path / "common.json").write_text("")
    (tmp_path / "share-0").mkdir()
    with pytest.raises(UncompletedJobError):
        submitit_executor.run_share(str(tmp_path / "share-0"), "[]", (run_word.__module__, run_word.__name__), None)
    assert not list((tmp_path / "share-0").iterdir())


def test_options_reach_submitit_and_wrong_ones_are_told(tmp_path: Path) -> None:
    executor = choose_executor(
        "submitit", jobs=1, address="local", folder=tmp_path / "jobs", options={"timeout_minutes": 3}
    )
    with pytest.raises(WorkerError, match="cannot submit to 'local': .*timeout_minutes"):
        list(executor.run_batches(run_word, "", [["a"]], needs=NEEDS))


def test_a_machine_without_slurm_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    executor = choose_executor("submitit", jobs=1, address="slurm", folder=tmp_path / "jobs")
    with pytest.raises(WorkerError, match="cannot submit to 'slurm'.*Use slurm where sbatch is, or local"):
        list(executor.run_batches(run_word, "", [["a"]], needs=NEEDS))
