"""A submission is the same whatever makes its cells: this process, or workers whose files come back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import mib
from groundtruth.errors import WorkerError
from groundtruth.executors import Executor, Serial
from groundtruth.submissions import SubmittedMethod, make_submission
from groundtruth.submissions.submission_job import read_submission_answer, run_submission_job, write_submission_job
from groundtruth.user_methods import load_localizer
from groundtruth.workers import Lost
from mib.leaderboard.formats import IoiParameters, read_ioi_parameters
from mib.leaderboard.submissions import Places, Setup, write_circuits, write_featurizers
from mib.leaderboard.submissions.join_cell import add_ioi_parameters
from tests.groundtruth.executors.elsewhere import Elsewhere
from tests.mib.leaderboard.submissions.checkpoints_of_tasks import stand_in

pytestmark = pytest.mark.usefixtures("checkpoints_loaded_once")

OWN = """
import numpy as np

import mib
from beside import FACTOR

def numbered(task):
    return mib.EdgeScores(task.graph, FACTOR * np.arange(len(task.graph.edges), dtype=float))

def broken(task):
    raise ZeroDivisionError(f"in {__file__}")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    made = {"qwen2.5": "qwen2", "gemma2": "gpt2"}
    return {model: stand_in(folder / model, kind, "ioi", "arithmetic-addition") for model, kind in made.items()}


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("FACTOR = 3\n")
    (tmp_path / "own_method.py").write_text(OWN)
    return str(tmp_path / "own_method.py")


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make(method: SubmittedMethod, tasks: Sequence[str], setup: Setup, executor: Executor) -> dict[str, str]:
    made = make_submission(method, method.plan(tasks, setup), executor=executor)
    return {outcome.cell: f"{outcome.state}: {outcome.detail}" for outcome in made}


@pytest.mark.parametrize("executor", [Serial(), Elsewhere()], ids=["serial", "elsewhere"])
def test_circuits_are_byte_by_byte_those_of_the_library(
    models: dict[str, str | Path], own: str, tmp_path: Path, executor: Executor
) -> None:
    method = SubmittedMethod(f"{own}:numbered")
    setup = Setup(out=tmp_path / "made", models={"qwen2.5": models["qwen2.5"]}, method=method.name, n=4)
    assert make(method, ["ioi"], setup, executor)["ioi_qwen2.5"].startswith("written: ")
    here = replace(setup, out=tmp_path / "here")
    list(write_circuits(load_localizer(method.spec).method, ["ioi"], here))
    assert contents(setup.out) == contents(here.out) and len(contents(here.out)) == 2
    again = make(method, ["ioi"], setup, executor)
    assert again["ioi_qwen2.5"] == "kept: finished before"


def test_featurizers_and_the_causal_model_of_ioi_come_back_from_workers(
    models: dict[str, str | Path], tmp_path: Path
) -> None:
    places = Places(heads=((0, 1),))
    method = SubmittedMethod("difference-in-means", "featurizers", places=places)
    setup = Setup(out=tmp_path / "made", models={"gemma2": models["gemma2"]}, method="x", n=6, right_on="any")
    assert {state.partition(":")[0] for state in make(method, ["ioi"], setup, Elsewhere()).values()} == {"written"}
    here = replace(setup, out=tmp_path / "here")
    list(write_featurizers(mib.featurization.get(method.spec), ["ioi"], here, places=places))
    assert contents(setup.out) == contents(here.out) and len(contents(here.out)) == 8


def test_models_of_the_causal_model_stand_in_one_order_whoever_comes_first(tmp_path: Path) -> None:
    one, path = IoiParameters(1.0, 2.0, 3.0), tmp_path / "ioi_linear_params.json"
    for name in ("mine", "llama", "gpt2", "qwen"):
        add_ioi_parameters(path, {name: one})
    assert list(read_ioi_parameters(path)) == ["gpt2", "qwen", "llama", "mine"]


def test_what_fails_or_is_lost_is_told_leaves_nothing_and_is_made_by_the_next_run(
    models: dict[str, str | Path], own: str, tmp_path: Path
) -> None:
    broken = SubmittedMethod(f"{own}:broken")
    setup = Setup(out=tmp_path / "made", models={"qwen2.5": models["qwen2.5"]}, method=broken.name, n=4)
    (told,) = make(broken, ["ioi"], setup, Elsewhere()).values()
    assert told == f"failed: ZeroDivisionError: in {own}"  # as the driver calls the file
    (told,) = make(broken, ["ioi"], setup, AllLost()).values()
    assert told == "failed: its node is gone"
    (late,) = make_submission(broken, broken.plan(["ioi"], setup), executor=AllLate(), timeout=7)
    assert (late.state, late.detail) == ("failed", "it was stopped after 7 s, its time limit")
    assert not contents(setup.out) and not list(setup.out.iterdir())
    interrupted = setup.out / ".ioi_qwen2.5.made" / "ioi_qwen2.5"
    interrupted.mkdir(parents=True)
    (interrupted / "importances.json").write_text("half of it")
    (told,) = make(SubmittedMethod("random"), ["ioi"], replace(setup, method="random"), Elsewhere()).values()
    assert told.startswith("written: ")
    assert sorted(contents(setup.out)) == ["ioi_qwen2.5/importances.json", "submission.json"]


@dataclass(frozen=True)
class AllLost(Elsewhere):
    """Every worker is lost."""

    def run_batches(self, function: Any, common: str, batches: Sequence[Sequence[str]], **how: Any) -> Any:
        yield from ((job, Lost(reason="its node is gone")) for batch in batches for job in batch)


@dataclass(frozen=True)
class AllLate(Elsewhere):
    """Every job takes longer than it may."""

    def run_batches(self, function: Any, common: str, batches: Sequence[Sequence[str]], **how: Any) -> Any:
        yield from ((job, Lost(timeout=how["timeout"])) for batch in batches for job in batch)


def test_a_folder_of_featurizers_that_holds_something_else_is_left_as_it_is(
    models: dict[str, str | Path], tmp_path: Path
) -> None:
    method = SubmittedMethod("pca", "featurizers", places=Places(layers=(1,)))
    setup = Setup(out=tmp_path, models={"gemma2": models["gemma2"]}, method="pca", n=6, right_on="any")
    cell = tmp_path / "arithmetic_Gemma2ForCausalLM_ones_carry"
    cell.mkdir()
    (cell / "notes.txt").write_text("mine")
    found = make(method, ["arithmetic-addition"], setup, Serial())
    assert "holds 'notes.txt', which was not made here" in found[cell.name]
    assert [path.name for path in cell.iterdir()] == ["notes.txt"] and not (tmp_path / "submission.json").exists()


@pytest.mark.parametrize(
    ("patched", "told"),
    [
        ("versions", "torch 0 here, "),
        ("checkpoint_sha256", "the model's files (0000"),
        ("source_sha256", "the code of groundtruth and mib (0000"),
    ],
)
def test_a_worker_that_would_compute_something_else_refuses(
    models: dict[str, str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patched: str, told: str
) -> None:
    method = SubmittedMethod("random")
    setup = Setup(out=tmp_path, models={"qwen2.5": models["qwen2.5"]}, method="random", n=4)
    (job,) = method.plan(["ioi"], setup).jobs
    text = write_submission_job(method, setup, job, tmp_path / "part", checked=True)
    other: Any = (lambda *_: {"torch": "0"}) if patched == "versions" else lambda *_: "0" * 64
    monkeypatch.setattr(f"groundtruth.submissions.submission_job.{patched}", other)
    with pytest.raises(WorkerError) as refused:
        run_submission_job("", text)
    assert told in str(refused.value)


def test_files_that_no_cell_has_are_not_written(tmp_path: Path) -> None:
    outcome = {"cell": "ioi_gpt2", "state": "written", "detail": ""}
    for name in ("ioi_gpt2/run.py", "../ioi_gpt2/importances.json", "ioi_llama3/importances.json"):
        with pytest.raises(WorkerError, match="a worker sent a file that no cell has"):
            read_submission_answer(json.dumps({"outcome": outcome, "files": {name: ""}}), tmp_path)
    assert not list(tmp_path.iterdir())
