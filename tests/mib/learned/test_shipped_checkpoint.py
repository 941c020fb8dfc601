"""The learned model that ships: what its log and its measurements say is so."""

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch

import mib
from mib import learned, tasks
from mib.errors import FormatError, ModelError, TaskError
from mib.learned import checkpoint_files as files
from mib.learned.build import LEAST, try_task
from mib.learned.measure import measure, measured
from mib.learned.recipe import Recipe

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def model() -> mib.LoadedModel:
    return mib.learned_model()


def test_it_loads_by_its_name(model: mib.LoadedModel) -> None:
    assert model.name == "learned"
    assert (model.anatomy.n_layers, model.anatomy.n_heads) == (Recipe().n_layers, Recipe().n_heads)
    again = mib.load_model("learned", dtype="float64")
    assert torch.equal(again.anatomy.W_U.float(), model.anatomy.W_U)


def test_it_has_no_revision() -> None:
    with pytest.raises(ModelError, match="learned"):
        mib.load_model("learned", revision="main")


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in learned.CHECKPOINT.iterdir()) < 4 * MEGABYTE


def test_the_log_is_of_these_files() -> None:
    assert learned.training_log()["files_sha256"] == files.files_sha256()
    assert "model.safetensors" in files.files_sha256()


def test_the_log_is_of_this_recipe() -> None:
    assert learned.training_log()["recipe"] == json.loads(json.dumps(asdict(Recipe())))


def test_no_update_is_on_the_held_out_part() -> None:
    parts = learned.training_log()["recipe"]["parts"].values()
    assert "test" not in {part for own in parts for part in own}


def test_every_claimed_task_has_98_percent_of_its_held_out_prompts_right() -> None:
    log = learned.training_log()
    assert {"ioi", "arithmetic-addition", "mcqa", "greater-than"} <= set(learned.tasks())
    for name in learned.tasks():
        found = try_task(learned.CHECKPOINT, name)
        assert found == pytest.approx(log["held_out"][name])
        assert found["accuracy"] >= LEAST


@pytest.mark.parametrize("name", learned.tasks())
def test_it_knows_every_word_of_a_claimed_task(name: str, model: mib.LoadedModel) -> None:
    assert set(tasks.get(name).vocabulary()) <= set(model.tokenizer.get_vocab())


# -- measurements -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", learned.tasks())
def test_stored_measurements_are_found_again(name: str, model: mib.LoadedModel) -> None:
    stored = measured(name)
    task = tasks.get(name).localization(
        model, family=stored.family, n=stored.n, seed=stored.seed, split="test", right_on="base"
    )
    chosen = np.argsort(-np.abs(stored.scores.flat))[[0, 1, 2, 20, 100]]
    rows, columns = task.graph.edge_index
    edges = torch.zeros(task.graph.edge_mask.shape, dtype=torch.bool)
    edges[rows[chosen], columns[chosen]] = True
    pairs = task.everything
    uncut, cut = task.engine.measure_single_cuts(task.metric, pairs.clean, pairs.counterfactual, edges=edges)
    loss = (uncut[:, None, None] - cut).double().mean(0)[rows[chosen], columns[chosen]]
    assert float(uncut.double().mean()) == pytest.approx(stored.full, abs=1e-3)
    assert loss.tolist() == pytest.approx(stored.scores.flat[chosen].tolist(), abs=1e-3)
    assert abs(stored.scores.flat[chosen[0]]) > 5 * stored.standard_errors.flat[chosen[0]]


@pytest.mark.parametrize("name", learned.tasks())
def test_every_family_was_measured_on_a_stated_number_of_pairs(name: str) -> None:
    some = tasks.get(name).generate(20, split="test")
    for family in tasks.get(name).families:
        found = measured(name, family)
        assert found.n >= 25
        assert len(found.scores.as_dict()) == len(found.scores.graph.edges)
        leads_elsewhere = any(one.counterfactuals[family].accepted != one.base.accepted for one in some)
        assert found.full > found.empty + 0.5 or not leads_elsewhere  # IOI's s1_io_flip asks for the same name


def test_a_cut_is_measured_as_the_engine_runs_it(model: mib.LoadedModel) -> None:
    found = measure(model, "greater-than", "corrupted", n=4)
    task = tasks.get("greater-than").localization(model, family="corrupted", n=4, split="test", right_on="base")
    edge = max(task.graph.edges, key=lambda edge: abs(found.scores[edge]))
    kept = torch.ones(1, *task.graph.edge_mask.shape, dtype=torch.bool)
    kept[0, task.graph.source_index[edge.source], task.graph.destination_index[edge.destination]] = False
    pairs = task.everything
    cut = task.engine.measure(task.metric, kept, pairs.clean, pairs.counterfactual, examples=pairs.examples)
    whole = task.engine.measure(
        task.metric, torch.ones_like(kept), pairs.clean, pairs.counterfactual, examples=pairs.examples
    )
    assert found.scores[edge] == pytest.approx(float((whole - cut).mean()), abs=1e-5)
    assert found.standard_errors[edge] == pytest.approx(float((whole - cut).std() / 2), abs=1e-5)


def test_what_was_not_measured_is_told() -> None:
    with pytest.raises(TaskError, match="task 'ravel' was not measured"):
        measured("ravel")
    with pytest.raises(TaskError, match=re.escape("has no family 's1_flip'. Did you mean: s1_io_flip")):
        measured("ioi", "s1_flip")


def test_a_file_of_another_schema_is_refused(tmp_path: files.Path) -> None:
    path = tmp_path / "ioi.json"
    with pytest.raises(FormatError, match="`make learned-models` writes it"):
        files.read(path)
    path.write_text('{"schema_version": 99}')
    with pytest.raises(FormatError, match="has schema_version 99; expected 1"):
        files.read(path)
