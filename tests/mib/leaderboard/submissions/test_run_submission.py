"""Cells are made one by one: what fails leaves the others alone, and another run does only what is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib import EdgeScores, FormatError, LocalizationTask, TaskError, load_model, tasks
from mib.featurization import get as featurizer
from mib.leaderboard.formats import Unit, read_circuit, read_featurizer, read_ioi_parameters
from mib.leaderboard.submissions import Places, Setup, parse_models, write_circuits, write_featurizers
from tests.mib.leaderboard.submissions.checkpoints_of_tasks import stand_in

pytestmark = pytest.mark.usefixtures("checkpoints_loaded_once")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    names = ("ioi", "mcqa", "arithmetic-addition")
    made = {"gpt2": "gpt2", "qwen2.5": "qwen2"}
    return {model: stand_in(folder / model, architecture, *names) for model, architecture in made.items()}


@pytest.fixture
def setup(checkpoints: dict[str, Path], tmp_path: Path) -> Setup:
    return Setup(out=tmp_path / "out", models=checkpoints, method="mine", n=6)


class Counted:
    """A method that scores edges by their number, and remembers what it was called on."""

    def __init__(self, before: Callable[[LocalizationTask], None] = lambda task: None) -> None:
        self.calls, self.before = 0, before

    def __call__(self, task: LocalizationTask) -> EdgeScores:
        self.calls += 1
        self.before(task)
        return EdgeScores(task.graph, np.arange(len(task.graph.edges), dtype=float))


def states(outcomes: Any) -> dict[str, str]:
    return {outcome.cell: outcome.state for outcome in outcomes}


def test_the_scores_of_the_method_are_written(setup: Setup) -> None:
    assert states(write_circuits(mib.localization.get("eap"), ["ioi"], setup)) == {
        "ioi_gpt2": "written",
        "ioi_qwen2.5": "written",
    }
    task = tasks.get("ioi").localization(load_model(setup.models["gpt2"]), n=6)
    wanted = mib.localization.get("eap")(task)
    written = read_circuit(setup.out / "ioi_gpt2" / "importances.json").scores
    np.testing.assert_allclose(written.flat, wanted.flat, rtol=1e-6)


def test_another_run_does_only_what_is_missing(setup: Setup) -> None:
    first = Counted()
    assert states(write_circuits(first, ["ioi", "mcqa"], setup)) == {
        "mcqa_gpt2": "skipped", "ioi_gpt2": "written", "ioi_qwen2.5": "written", "mcqa_qwen2.5": "written",
    }  # fmt: skip
    assert first.calls == 3
    again = Counted()
    assert set(states(write_circuits(again, ["ioi", "mcqa"], setup)).values()) == {"skipped", "kept"}
    assert again.calls == 0
    other = replace(setup, seed=1)
    assert states(write_circuits(again, ["mcqa"], other))["mcqa_qwen2.5"] == "written"
    assert states(write_circuits(again, ["mcqa"], other))["mcqa_qwen2.5"] == "kept"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (MemoryError("no room\nat all"), "out of memory: no room"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out of memory: CUDA out of memory."),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (TaskError("no such thing"), "no such thing"),
    ],
)
def test_a_cell_that_fails_says_why(setup: Setup, fault: Exception, told: str) -> None:
    def fails(task: LocalizationTask) -> None:
        raise fault

    (found,) = write_circuits(Counted(fails), ["ioi"], replace(setup, models={"gpt2": setup.models["gpt2"]}))
    assert (found.cell, found.state, found.detail) == ("ioi_gpt2", "failed", told)


def test_a_cell_that_fails_leaves_the_others_alone(setup: Setup) -> None:
    def fails_on_gpt2(task: LocalizationTask) -> None:
        if task.model.name == str(setup.models["gpt2"]):  # type: ignore[union-attr]
            raise MemoryError

    found = list(write_circuits(Counted(fails_on_gpt2), ["ioi"], setup))
    assert [(outcome.cell, outcome.state) for outcome in found] == [("ioi_gpt2", "failed"), ("ioi_qwen2.5", "written")]
    assert states(write_circuits(Counted(), ["ioi"], setup)) == {"ioi_gpt2": "written", "ioi_qwen2.5": "kept"}


def test_what_was_finished_before_an_interruption_is_kept(setup: Setup) -> None:
    def interrupted(task: LocalizationTask) -> None:
        if task.model.name == str(setup.models["qwen2.5"]):  # type: ignore[union-attr]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(write_circuits(Counted(interrupted), ["ioi"], setup))
    assert states(write_circuits(Counted(), ["ioi"], setup)) == {"ioi_gpt2": "kept", "ioi_qwen2.5": "written"}


def test_a_model_that_cannot_be_loaded_fails_its_cells_alone(setup: Setup, tmp_path: Path) -> None:
    models = {**setup.models, "gpt2": tmp_path / "nothing"}
    found = list(write_circuits(Counted(), ["ioi"], replace(setup, models=models)))
    assert [outcome.state for outcome in found] == ["failed", "written"]
    assert "no folder" in found[0].detail


def test_data_sets_in_folders(setup: Setup, tmp_path: Path) -> None:
    tasks.get("ioi").write(tmp_path / "data" / "ioi", 6, seed=5)
    seen: list[LocalizationTask] = []
    setup = replace(setup, data=tmp_path / "data", models={"gpt2": setup.models["gpt2"]})
    assert states(write_circuits(Counted(seen.append), ["ioi"], setup)) == {"ioi_gpt2": "written"}
    wanted = tasks.get("ioi").localization(load_model(setup.models["gpt2"]), n=6, seed=5)
    assert torch.equal(seen[0].clean, wanted.clean)
    assert states(write_circuits(Counted(), ["ioi"], replace(setup, data=tmp_path))) == {"ioi_gpt2": "failed"}


def test_featurizers_of_every_unit_are_written(setup: Setup) -> None:
    setup = replace(setup, n=10, models={"gemma2": setup.models["gpt2"]}, right_on="any")
    places = Places(layers=(2,), heads=((0, 1), (1, 3)))
    method = featurizer("pca")
    found = states(write_featurizers(method, ["arithmetic-addition", "ioi"], setup, places=places))
    cells = ("arithmetic_Gemma2ForCausalLM_ones_carry", "ioi_task_Gemma2ForCausalLM_output_token",
             "ioi_task_Gemma2ForCausalLM_output_position")  # fmt: skip
    assert found == dict.fromkeys(cells, "written")
    model = load_model(setup.models["gemma2"])
    unit = Unit("ResidualStream", 2, "op2_last")
    task = tasks.get("arithmetic-addition").featurization(
        model, variable="ones_carry", site=unit.site(), position="op2_last", family=("random", "ones_carry"), n=10,
        right_on="any",
    )  # fmt: skip
    wanted, written = method(task).rotation, read_featurizer(setup.out / cells[0], unit).rotation
    assert wanted is not None and written is not None
    torch.testing.assert_close(written @ written.T, wanted @ wanted.T, atol=1e-5, rtol=0)
    names = {path.name for path in (setup.out / cells[1]).iterdir()}
    assert "AttentionHead(Layer:0,Head:1,Token:all)_featurizer" in names and len(names) == 6
    assert list(read_ioi_parameters(setup.out / "ioi_linear_params.json")) == ["gemma"]
    again = write_featurizers(method, ["arithmetic-addition", "ioi"], setup, places=places)
    assert set(states(again).values()) == {"kept"}


def test_featurizers_that_the_track_would_pass_over_are_not_written(setup: Setup) -> None:
    folder = setup.models["gpt2"]
    setup = replace(setup, n=10, models={"gpt2": folder, "gemma2": folder}, right_on="any")
    places, method = Places(layers=(2,)), featurizer("pca")
    found = states(write_featurizers(method, ["arithmetic-addition"], setup, places=places))
    assert found == {
        "arithmetic_GPT2LMHeadModel_ones_carry": "skipped", "arithmetic_Gemma2ForCausalLM_ones_carry": "written"
    }  # fmt: skip
    assert not (setup.out / "arithmetic_GPT2LMHeadModel_ones_carry").exists()
    alone = replace(setup, models={"gpt2": folder})
    with pytest.raises(TaskError, match="There are arithmetic-addition: Gemma2ForCausalLM, LlamaForCausalLM"):
        write_featurizers(method, ["arithmetic-addition"], alone, places=places)


def test_a_model_that_cannot_do_the_task_is_told(setup: Setup) -> None:
    setup = replace(setup, n=10, models={"gemma2": setup.models["gpt2"]})
    (outcome,) = write_featurizers(featurizer("pca"), ["arithmetic-addition"], setup, places=Places(layers=(0,)))
    assert outcome.state == "failed" and "The model may not be able to do the task" in outcome.detail
    assert not (setup.out / outcome.cell).exists()


def test_what_is_not_on_a_leaderboard_is_refused(setup: Setup) -> None:
    with pytest.raises(TaskError, match="task 'greater-than' is not on the leaderboard of circuits"):
        write_circuits(Counted(), ["greater-than"], setup)
    with pytest.raises(TaskError, match="no cell of the leaderboard joins these .* There are arc-challenge: llama3"):
        write_circuits(Counted(), ["arc-challenge"], setup)
    with pytest.raises(TaskError, match="'arithmetic' is not on the leaderboard of featurizers.* arithmetic-addition"):
        write_featurizers(featurizer("pca"), ["arithmetic"], setup)
    with pytest.raises(TaskError, match="'gpt-2' is no model of the leaderboard. Did you mean: gpt2"):
        parse_models(["gpt-2=folder"])
    with pytest.raises(TaskError, match="model 'gpt2' is named twice"):
        parse_models(["gpt2", "gpt2=folder"])
    assert parse_models(["gpt2=a/b", "llama3"]) == {"gpt2": Path("a/b"), "llama3": "llama3"}
    with pytest.raises(TaskError, match="heads names '7'; write them as 7.3"):
        Places.parse(None, ["7"])
    assert Places.parse(["0", "4"], ["7.3"]) == Places((0, 4), ((7, 3),))
    with pytest.raises(TaskError, match="which heads of qwen2.5 to read for ioi is not known"):
        Places().units("ioi", "qwen2.5", 3)


def test_a_broken_record_of_settings_is_told(setup: Setup) -> None:
    setup.out.mkdir()
    (setup.out / "submission.json").write_text("{")
    with pytest.raises(FormatError, match=r"submission\.json: file: is no JSON.*Delete it to make all cells again"):
        list(write_circuits(Counted(), ["ioi"], setup))


def test_a_method_that_changes_the_model_fails_its_cell_and_the_next_gets_it_as_it_was(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mib.leaderboard.submissions.run_submission.load_model", load_model)

    def spoil(task: LocalizationTask) -> None:
        if first.calls == 1:
            task.model.anatomy.W_U.zero_()  # type: ignore[union-attr]
        seen.append(float(task.model.anatomy.W_U.abs().sum()))  # type: ignore[union-attr]

    seen, first = list[float](), Counted(spoil)
    alone = replace(setup, models={"qwen2.5": setup.models["qwen2.5"]})
    failed, written = write_circuits(first, ["ioi", "mcqa"], alone)
    assert (failed.cell, failed.state) == ("ioi_qwen2.5", "failed")
    assert failed.detail.startswith("mine changed the model: ")
    assert (written.cell, written.state) == ("mcqa_qwen2.5", "written") and seen[0] == 0 < seen[1]
    assert not (setup.out / "ioi_qwen2.5").exists()
    assert states(write_circuits(first, ["ioi", "mcqa"], alone)) == {"ioi_qwen2.5": "written", "mcqa_qwen2.5": "kept"}


def test_ablation_prefix_parameters_and_memory_reach_the_method(setup: Setup) -> None:
    asked = replace(
        setup, models={"gpt2": setup.models["gpt2"]}, ablation="zero", parameters={"steps": 2}, memory=2**20
    )

    def method(task: LocalizationTask, *, steps: int = 5) -> EdgeScores:
        told.append((task.ablation, steps, task.memory))
        return EdgeScores(task.graph, np.ones(len(task.graph.edges)))

    told = list[tuple[str, int, int]]()
    assert states(write_circuits(method, ["ioi"], asked)) == {"ioi_gpt2": "written"}
    assert states(write_circuits(method, ["ioi"], replace(asked, memory=2**22))) == {"ioi_gpt2": "kept"}
    for changed in (replace(asked, ablation="mean"), replace(asked, parameters={"steps": 3})):
        assert states(write_circuits(method, ["ioi"], changed)) == {"ioi_gpt2": "written"}
    (failed,) = write_circuits(method, ["ioi"], replace(asked, answer_prefix="x"))
    assert failed.state == "failed" and "in the answer 'x" in failed.detail
    assert told == [("zero", 2, 2**20), ("mean", 2, 2**20), ("zero", 3, 2**20)]
    with pytest.raises(TaskError, match="ablation='optimal' needs constants"):
        replace(setup, ablation="optimal")
