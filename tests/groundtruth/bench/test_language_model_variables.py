"""Variables of language models: what is scored without truth, where, beside what, and that faults stay local."""

from pathlib import Path
from typing import Any

import pytest
import torch

import mib
from groundtruth.bench import CellStore, Failed, Skipped, run_cells
from groundtruth.bench.cell_key import cell_key
from groundtruth.bench.run_cell import run_cell
from groundtruth.bench.variable_subjects import VARIABLE_PROFILES
from groundtruth.bench.variable_track import BASELINES, VARIABLES
from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.language_model_sites import LanguageModelPlace, language_model_places
from groundtruth.evaluation.variables.language_model_variables import LanguageModelVariableEvaluator
from groundtruth.evaluation.variables.shuffled_model import n_bytes, shuffled_anatomy
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.cell_settings import Sizes
from groundtruth.results.prompts import MADE_UP, Prompts
from groundtruth.results.variable_scores import VariableScores
from groundtruth.validity.headroom import Place, read_headroom
from mib import MethodError, TaskError, learned, tasks
from mib.featurization import FeaturizationTask, Featurizer
from mib.leaderboard.protocols import PROTOCOLS
from tests.groundtruth.bench.cell_makers import planned, variable_cell

SIZES = Sizes(24, 8, 12)
LAST_LAYER = learned.training_log()["recipe"]["n_layers"] - 1
END = f"residual.{LAST_LAYER}.post@last"


def cell(method: str = "full-vector", *, site: str = END, task: str = "ioi", **more: Any) -> Cell:
    return variable_cell(method, "learned", "output_token", site, 0, SIZES, task=task, **more)


@pytest.fixture(scope="module")
def evaluator() -> LanguageModelVariableEvaluator:
    return LanguageModelVariableEvaluator.of("learned", "ioi", "output_token", END, sizes=SIZES)


# -- where ------------------------------------------------------------------------------------------------------------


def test_the_default_has_the_place_with_the_most_headroom_of_each_architecture_and_operation() -> None:
    widest: dict[tuple[str, str], Place] = {}
    for place in (place for place in read_headroom() if place.has_headroom):
        kind = (place.model.rpartition("-")[0], place.task)
        if kind not in widest or place.best - place.full_vector > widest[kind].best - widest[kind].full_vector:
            widest[kind] = place
    cells = [c for c in planned("default", VARIABLES) if c.task]
    assert {(c.model, c.task, c.setting.variable, c.setting.site) for c in cells} == {
        (place.model, place.task, place.variable, place.site) for place in widest.values()
    }
    assert not any(c.setting.controls or c.method == ORACLE for c in cells)
    assert not {c.method for c in cells} & set(VARIABLE_PROFILES["default"].left_out)
    assert {"das", "dbm", "no-op", "full-vector"} <= {c.method for c in cells}


def test_a_task_that_is_named_is_sought_in_the_learned_model_in_place_of_the_profiles() -> None:
    cells = [c for c in planned("default", VARIABLES, tasks=["ioi"], methods=["pca"]) if c.task]
    assert {c.subject for c in cells} == {"learned/ioi"} and all(c.setting.controls for c in cells)
    named = planned("default", VARIABLES, models=["learned"], methods=["pca"])
    assert {c.task for c in named} == {name for name in learned.tasks() if tasks.get(name).variables}


def test_a_model_that_is_named_is_sought_behind_every_block_with_controls() -> None:
    cells = planned("default", VARIABLES, models=["learned"], methods=["das-search"])
    assert {c.setting.site for c in cells} == {f"residual.{layer}.post@last" for layer in range(LAST_LAYER + 1)}
    assert all(c.setting.controls for c in cells)
    assert {c.method for c in cells} == {"das-search", *BASELINES} - {ORACLE}


def test_default_stands_for_the_places_of_the_profile() -> None:
    both = planned("smoke", VARIABLES, models=["default", "learned"], tasks=["ioi"], methods=["das"])
    assert {c.subject for c in both} == {"second_step", "learned/ioi"}


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        (f"learned:output_token@{END}", ["ioi"], [("learned", "ioi", "output_token", END)]),
        ("learned:name_A@residual.0.pre@S2", ["ioi"], [("learned", "ioi", "name_A", "residual.0.pre@S2")]),
        ("learned:output_token@a1.h2.z", ["ioi:abc"], [("learned", "ioi:abc", "output_token", "a1.h2.z@last")]),
    ],
)
def test_a_user_may_name_the_place(name: str, asked: list[str], found: list[LanguageModelPlace]) -> None:
    assert language_model_places(name, asked) == found


@pytest.mark.parametrize(
    ("name", "asked", "error", "message"),
    [
        ("learned", ["greater-than"], DomainError, "task greater-than has no variable to seek"),
        (
            "learned:output_position@residual.0.post",
            ["ioi"],
            DomainError,
            "no answer of task ioi follows from 'output_",
        ),
        ("learned:outputs@residual.0.post", ["ioi"], TaskError, "unknown variable 'outputs'. Did you mean: output_"),
        ("learned:output_token@residual.0.post@S3", ["ioi"], DomainError, "has no position 'S3'. Choose from last, "),
        ("learned:output_token@residuals.0.post", ["ioi"], TaskError, "'residuals.0.post' is no site"),
        ("learned", ["ioi:s1_flip"], TaskError, "has no family 's1_flip'. Did you mean: s1_io_flip"),
        ("gpt2", ["ioi"], DomainError, "how many layers 'gpt2' has is not known before it is loaded: name a variable"),
        ("gpt2", None, DomainError, "'gpt2' is a language model: say by --task what it is scored on"),
    ],
)
def test_places_that_do_not_exist_are_refused(
    name: str, asked: list[str] | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        language_model_places(name, asked)


def test_a_task_needs_a_language_model() -> None:
    with pytest.raises(DomainError, match="--task ioi is for language models, and there is none among reverse"):
        planned("smoke", VARIABLES, models=["reverse"], tasks=["ioi"])


def test_the_key_tells_tasks_apart() -> None:
    assert cell_key(cell()) != cell_key(cell(task="ioi:s2_io_flip"))


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    for part in ("train", "validation", "test"):
        tasks.get("ioi").write(tmp_path / "data" / "ioi", 60, seed=5, split=part)
    return Prompts(str(tmp_path / "data"), memory=2**27)


def test_pairs_of_a_folder_are_what_is_learned_from_and_scored_on(prompts: Prompts) -> None:
    own = LanguageModelVariableEvaluator.of(
        "learned", "ioi", "output_token", END, sizes=SIZES, prompts=prompts, controls=False
    )
    families = PROTOCOLS["ioi"].families
    wanted = tasks.get("ioi").featurization(
        mib.learned_model(), variable="output_token", site=mib.Site.residual(LAST_LAYER), n=(24, 8, 12),
        family=families, data=f"{prompts.data}/ioi",
    )  # fmt: skip
    assert torch.equal(own.task.base, wanted.base) and torch.equal(own.task.source, wanted.source)
    assert own.task.memory == 2**27


def test_the_key_follows_the_pairs_files(prompts: Prompts) -> None:
    own = cell(prompts=prompts)
    before = cell_key(own)
    tasks.get("ioi").write(Path(str(prompts.data)) / "ioi", 61, seed=5, split="test")
    assert len({cell_key(cell()), before, cell_key(own)}) == 3


def test_prompts_are_handed_to_the_cells_of_language_models_alone(prompts: Prompts) -> None:
    cells = planned(
        "smoke", VARIABLES, models=["default", "learned"], tasks=["ioi"], methods=["das"], prompts=prompts,
        parameters={"das": {"steps": 7}},
    )  # fmt: skip
    assert {c.task: c.prompts for c in cells} == {"": MADE_UP, "ioi": prompts}
    assert {dict(c.parameters).get("steps") for c in cells if c.method == "das"} == {7}
    assert {dict(c.parameters)["rank"] for c in cells if c.method == "das"} == {8}  # the profile's own stays


# -- scores -----------------------------------------------------------------------------------------------------------


def test_a_row_has_what_needs_no_truth(evaluator: LanguageModelVariableEvaluator) -> None:
    row = evaluator.score("full-vector")
    assert row.truth is None
    assert (row.overlap, row.movement, row.minimal_rank, row.recall, row.precision) == (None,) * 5
    assert not row.illusion
    assert (row.subject, row.n_train, row.n_test) == ("learned/ioi", 24, 12)
    assert row.accuracy == 1.0  # behind the last block the last position is the answer
    assert {family.name for family in row.families} <= set(tasks.get("ioi").families)
    assert row.mib == pytest.approx(sum(f.accuracy for f in row.families) / len(row.families))
    assert {control.kind for control in row.controls} == {"shuffled", "arbitrary"}


def test_a_no_op_gets_no_distinguishing_pair_and_every_isolation_pair(
    evaluator: LanguageModelVariableEvaluator,
) -> None:
    row = evaluator.score("no-op")
    assert (row.accuracy, row.cause, row.isolation) == (0.0, 0.0, 1.0)
    assert row.all_pairs == pytest.approx(float(evaluator.task.isolates[evaluator.task.split.test].double().mean()))  # type: ignore[index]


def test_pairs_with_the_same_value_are_isolation_pairs(evaluator: LanguageModelVariableEvaluator) -> None:
    task = evaluator.task
    assert task.isolates is not None and task.base_values is not None and task.source_values is not None
    assert torch.equal(task.isolates, (task.base_values == task.source_values)[:, 0])
    assert 0 < int(task.isolates.sum()) < len(task)


def test_before_anything_is_moved_nothing_is_found() -> None:
    outcome = run_cell(cell(site="residual.0.pre@last"))
    assert isinstance(outcome, VariableScores)
    assert outcome.accuracy == 0.0


def test_nobody_knows_the_variables_of_a_language_model(evaluator: LanguageModelVariableEvaluator) -> None:
    with pytest.raises(DomainError, match="there is no oracle for 'learned': what it computes is not known"):
        evaluator.score(ORACLE)


def test_a_method_that_changes_the_model_is_told_of_and_the_next_one_gets_it_unchanged(
    evaluator: LanguageModelVariableEvaluator,
) -> None:
    def spoiling(task: FeaturizationTask) -> Featurizer:
        task.anatomy.W_U.mul_(0.5)
        return Featurizer.subspace(torch.eye(task.width))

    before = evaluator.score("pca", {"rank": 4})
    with pytest.raises(MethodError, match="spoiling changed the model"):
        evaluator.score(spoiling)
    after = evaluator.score("pca", {"rank": 4})
    assert (after.accuracy, after.families, after.controls) == (before.accuracy, before.families, before.controls)


def test_shuffled_weights_are_the_same_numbers_in_other_places() -> None:
    anatomy = mib.learned_model().anatomy
    other = shuffled_anatomy(anatomy, 3)
    ours, theirs = anatomy.blocks[1].mlp.W_in, other.blocks[1].mlp.W_in
    assert torch.equal(ours.flatten().sort().values, theirs.flatten().sort().values)
    assert float((ours == theirs).double().mean()) < 0.1
    assert torch.equal(other.W_U, shuffled_anatomy(anatomy, 3).W_U)
    assert not torch.equal(other.W_U, shuffled_anatomy(anatomy, 4).W_U)
    assert n_bytes(anatomy) >= 4 * anatomy.W_U.numel()


# -- faults -----------------------------------------------------------------------------------------------------------


def test_a_variable_that_never_changes_is_left_out_with_the_reason() -> None:
    outcome = run_cell(cell(task="ioi:s1_io_flip"))
    assert isinstance(outcome, Skipped)
    assert "no interchange of output_token changes the answer" in outcome.reason
    assert outcome.scope == "model"


def test_a_layer_that_is_not_there_fails_alone() -> None:
    outcome = run_cell(cell(site="residual.99.post@last"))
    assert isinstance(outcome, Failed)
    assert "the model has layers 0 to" in outcome.error


def test_a_fault_is_its_own_and_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from pathlib import Path\nimport torch\nimport mib\n\ndef broken(task):\n"
        "    if not Path(__file__).with_name('repaired').exists():\n        raise RuntimeError('no luck')\n"
        "    return mib.Featurizer.subspace(torch.eye(task.width)[:, :1])\n"
    )
    cells = [cell("no-op", controls=False), cell(f"{file}:broken", controls=False), cell(controls=False)]
    store = CellStore(tmp_path / "cells")
    first = [outcome for _, outcome, _ in run_cells(cells, store)]
    assert isinstance(first[0], VariableScores) and isinstance(first[2], VariableScores)
    assert first[1] == Failed("RuntimeError: no luck (mine.py, line 7)")
    (tmp_path / "repaired").touch()
    again = {c.method: (outcome, known) for c, outcome, known in run_cells(cells, store)}
    assert again["no-op"] == (first[0], True)
    assert again["full-vector"] == (first[2], True)
    outcome, known = again[f"{file}:broken"]
    assert isinstance(outcome, VariableScores) and not known


def test_a_method_that_writes_into_its_task_is_refused_and_the_task_is_put_back(
    evaluator: LanguageModelVariableEvaluator,
) -> None:
    def vandal(task: mib.FeaturizationTask) -> mib.Featurizer:
        task.base.zero_()
        return mib.featurization.get("no-op").function(task)

    before = evaluator.task.learnable.base.clone()
    with pytest.raises(MethodError, match="the method changed task.base, which other methods are given too"):
        evaluator.score(vandal)
    assert torch.equal(evaluator.task.learnable.base, before)
