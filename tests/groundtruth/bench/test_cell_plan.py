"""What is planned for a cell is what the cell takes, and a plan runs and writes nothing."""

import json
from pathlib import Path

import pytest

from groundtruth.bench.cell_plan import plan_cell
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli import main
from groundtruth.results.cell import Cell
from groundtruth.results.cell_settings import CircuitSetting, Sizes, VariableSetting
from groundtruth.results.circuit_scores import CircuitScores
from mib import load_model, localization, tasks
from tests.mib.engine.test_memory import Watch
from tests.mib.leaderboard.submissions.checkpoints_of_tasks import stand_in


@pytest.mark.parametrize("model", ["contains_x", "hist@wired-0", "contains_x@layernorm"])
def test_a_cell_takes_the_passes_that_were_planned(model: str) -> None:
    setting = CircuitSetting(n_pairs=8, max_sizes=3)
    for method in ("eap-ig-inputs", "exact"):
        cell = Cell(method, model, setting, dtype="float64")
        planned, run = plan_cell(cell), run_cell(cell)
        assert isinstance(run, CircuitScores) and planned.forward is not None
        assert planned.examples == run.n_examples
        if method == "exact":
            assert planned.certainty == "at most" and 1 < run.forward <= planned.forward
        else:
            assert (planned.forward, planned.backward) == (run.forward, run.backward) == (6, 5)


@pytest.mark.parametrize("architecture", ["gpt2", "qwen2"])
def test_a_language_model_is_planned_from_its_configuration_alone(architecture: str, tmp_path: Path) -> None:
    folder, memory = stand_in(tmp_path / "model", architecture, "ioi"), 2**28
    model = load_model(folder)
    read = [weight for block in model.anatomy.blocks for weight in (block.attention.W_K, block.attention.W_V)]
    storages = (weight.untyped_storage() for weight in (*model.model.parameters(), *read))  # some are parts of others
    weights = {storage.data_ptr(): storage.nbytes() for storage in storages}
    task = tasks.get("ioi").localization(model, n=6, right_on="any", memory=memory)
    with Watch() as watch:
        localization.get("eap")(task)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    planned = plan_cell(Cell("eap", str(folder), CircuitSetting(n_pairs=6), task="ioi"))
    assert (planned.forward, planned.backward, planned.certainty) == (2, 1, "exact")
    assert watch.peak <= planned.run_bytes <= 12 * watch.peak
    assert planned.model_bytes == pytest.approx(sum(weights.values()), rel=0.1)


def test_featurizers_are_bounded_on_compiled_models_and_from_a_configuration(tmp_path: Path) -> None:
    sizes = Sizes(30, 10, 20)
    compiled = VariableSetting("step", "residual.1.mid", sizes)
    given = Cell("das", "second_step", compiled, parameters=(("steps", 4), ("batch_size", 15)))
    planned = plan_cell(given)
    assert (planned.certainty, planned.examples, planned.note) == ("at most", 60, "controls run the method again")
    assert (planned.forward, planned.backward) == pytest.approx((2 + 1 + 10 / 60, 4 * 15 / 60))
    assert planned.model_bytes > 0 and planned.run_bytes > 0
    folder = stand_in(tmp_path / "model", "gpt2", "ioi")
    for path in folder.glob("*.safetensors"):
        path.unlink()
    setting = VariableSetting("position", "residual.1.post@last", sizes, controls=False)
    learned = plan_cell(Cell("das", str(folder), setting, task="ioi", parameters=given.parameters))
    assert (learned.forward, learned.backward, learned.note) == (planned.forward, planned.backward, "")
    assert plan_cell(Cell("own.py:mine", "second_step", compiled)).forward is None


def test_a_plan_says_what_it_cannot_know_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def mine(task):\n    raise SystemExit\n")
    with pytest.raises(SystemExit) as left:
        main(["score", "own.py:mine", "--models", "contains_x,some/model", "--task", "ioi", "--against", "eap",
              "--plan", "--json"])  # fmt: skip
    plans = {(plan["place"], plan["method"]): plan for plan in json.loads(capsys.readouterr().out)}
    assert left.value.code == 0 and [path.name for path in tmp_path.iterdir()] == ["own.py"]
    assert plans["contains_x", "eap"]["forward"] == 2 and plans["contains_x", "own.py:mine"]["forward"] is None
    assert plans["some/model/ioi", "eap"]["note"].endswith("by: hf download some/model config.json")
