"""Language models beside compiled ones: MIB's metrics on held-out pairs, no exact score, and faults that stay local."""

import json
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import mib
from groundtruth.bench import Cell, CellStore, Failed, Skipped, result_of, run_cells
from groundtruth.bench.cell_key import cell_key
from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES
from groundtruth.bench.result_data import result_data
from groundtruth.bench.run_cell import run_cell
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.report.terminal import THEME
from groundtruth.report.views.track_report import result_csv, result_markdown, result_view
from groundtruth.results.cell import ORACLE
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.prompts import Prompts
from groundtruth.results.rank_prediction import Prediction, predictions
from mib import learned, localization, tasks
from mib.errors import MethodError, TaskError
from mib.learned.build import save
from mib.learned.recipe import Recipe
from mib.learned.train import train
from mib.localization import as_localizer
from mib.metrics import LogitDifference
from mib.metrics.faithfulness import areas, mib_areas
from mib.models.fingerprints import Fingerprint
from tests.groundtruth.bench.cell_makers import circuit_cell, planned
from tests.mib.checkpoints import ARCHITECTURES, make_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 that has learned to say a late year, and nothing else."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    mixture = {"greater-than": 16, "ioi": 1}
    recipe = Recipe(
        n_layers=2,
        n_heads=2,
        d_model=16,
        steps=80,
        warmup=5,
        peaks={0: 1e-2},
        n_drawn=100,
        mixtures={0: mixture},
        drills={0: 0},
    )
    save(train(recipe), folder)
    return folder


def cell(checkpoint: Path, method: str = "eap", task: str = "greater-than") -> Cell:
    return circuit_cell(method, str(checkpoint), task=task, n_pairs=6, max_sizes=5)


def scored(checkpoint: Path, method: str = "eap") -> CircuitScores:
    outcome = run_cell(cell(checkpoint, method))
    assert isinstance(outcome, CircuitScores), outcome
    return outcome


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["learned", "gpt2", "llama3", "Qwen/Qwen2.5-0.5B"])
def test_names_of_language_models(name: str) -> None:
    assert is_language_model(name)


@pytest.mark.parametrize("name", ["reverse", "revers", "programs/mine.py:program", "mine.py:program", "./gone"])
def test_names_of_other_models(name: str) -> None:
    assert not is_language_model(name)


def test_a_folder_is_what_lies_in_it(checkpoint: Path) -> None:
    assert is_language_model(str(checkpoint))
    assert not is_language_model(str(checkpoint.parent))


# -- cells ------------------------------------------------------------------------------------------------------------


def test_language_models_have_a_cell_a_task_and_no_oracle(checkpoint: Path) -> None:
    cells = planned("smoke", models=["hist", str(checkpoint)], methods=[ORACLE, "eap"], tasks=["ioi", "greater-than"])
    assert [(c.method, c.subject) for c in cells] == [
        (ORACLE, "hist"),
        ("eap", "hist"),
        ("eap", f"{checkpoint}/ioi"),
        ("eap", f"{checkpoint}/greater-than"),
    ]


def test_default_stands_for_the_models_of_the_profile() -> None:
    named = planned("smoke", models=["default", "hist"], methods=["eap"])
    alone = planned("smoke", methods=["eap"])
    assert [c.model for c in named if not c.task] == [*(c.model for c in alone if not c.task), "hist"]


@pytest.mark.parametrize("name", ["default", "full"])
def test_profiles_score_the_learned_model_on_what_it_can_do(name: str) -> None:
    cells = planned(name, methods=["eap"], ablations=["resample"])
    real = [c.task for c in cells if c.model == learned.NAME]
    assert real and set(real) <= set(learned.tasks())
    assert {c.setting.n_pairs for c in cells if c.task} == {CIRCUIT_PROFILES[name].choice.n_language_model_pairs}


def test_slow_methods_run_on_language_models_only_when_asked_for() -> None:
    by_default = {c.method for c in planned("default") if c.task}
    asked = {c.method for c in planned("default", methods=["acdc", "eap"]) if c.task}
    assert "acdc" not in by_default and {"eap", "exact", "eap-ig-inputs"} <= by_default
    assert asked == {"acdc", "eap"}
    assert "acdc" in {c.method for c in planned("default") if not c.task}


@pytest.mark.parametrize(
    ("models", "tasks", "error", "message"),
    [
        (["gpt2"], None, DomainError, "'gpt2' is a language model: say by --task what it is scored on"),
        (["hist"], ["ioi"], DomainError, "--task ioi is for language models, and there is none among hist"),
        (["./gone"], ["ioi"], DomainError, "no folder './gone'. Give the folder that holds config.json"),
        (["gpt2"], ["oi"], TaskError, "unknown task 'oi'. Did you mean: ioi?"),
        (["gpt2"], ["ioi:s1_flip"], TaskError, "has no family 's1_flip'. Did you mean: s1_io_flip"),
    ],
)
def test_models_and_tasks_that_do_not_go_together(
    models: list[str], tasks: list[str] | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        planned("smoke", models=models, tasks=tasks)


def test_the_key_follows_the_files_of_the_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    keys = {
        cell_key(circuit_cell("eap", str(folder), task=task))
        for folder in (checkpoint, other)
        for task in ("ioi", "mcqa")
    }
    assert len(keys) == 4


# -- scores -----------------------------------------------------------------------------------------------------------


def test_a_row_has_mibs_metrics_on_held_out_pairs_and_no_exact_score(checkpoint: Path) -> None:
    row = scored(checkpoint)
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=6, max_sizes=5)
    found = localization.get("eap")(evaluator.task)
    assert (row.truth, row.live, row.wrong) == (None, None, ())
    assert row.cmd == pytest.approx(areas(evaluator.held_out, found, max_sizes=5).cmd.value)
    assert row.mib_cpr == pytest.approx(mib_areas(evaluator.held_out, found).cpr)
    assert (row.task, row.n_examples, row.passes) == ("greater-than", 6, 3.0)


def test_no_pair_is_searched_and_measured_on(checkpoint: Path) -> None:
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=20)
    searched, measured = ({tuple(row) for row in part.clean.tolist()} for part in (evaluator.task, evaluator.held_out))
    assert len(searched) == len(measured) == 20
    assert not searched & measured


def test_nobody_knows_the_circuit_of_a_language_model(checkpoint: Path) -> None:
    with pytest.raises(DomainError, match="there is no oracle for .* what it computes is not known"):
        LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=2).score(ORACLE)


def test_a_task_that_the_model_cannot_do_is_left_out_with_the_reason(checkpoint: Path) -> None:
    outcome = run_cell(cell(checkpoint, task="ioi"))
    assert isinstance(outcome, Skipped)
    assert "of 100 held-out prompts of ioi right: what it cannot do has no circuit" in outcome.reason
    assert outcome.scope == "model"


def test_a_corrupt_checkpoint_fails_alone(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    cells = [cell(broken), cell(checkpoint), circuit_cell("eap", "copy_first", n_pairs=6, max_sizes=3)]
    outcomes = [outcome for _, outcome, _ in run_cells(cells, CellStore(tmp_path / "cells"))]
    assert isinstance(outcomes[0], Failed)
    assert "broken" in outcomes[0].error
    assert isinstance(outcomes[1], CircuitScores) and isinstance(outcomes[2], CircuitScores)
    again = [known for *_, known in run_cells(cells, CellStore(tmp_path / "cells"))]
    assert sorted(again) == [False, True, True]  # what failed is tried again, and nothing else


def test_a_tokenizer_that_does_not_fit_is_told(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    outcome = run_cell(cell(other, task="mcqa"))
    assert isinstance(outcome, Failed)
    assert "does not know" in outcome.error or "tokenizer" in outcome.error


class Spoiling:
    """A method that does something to the model before it scores."""

    def __init__(self, spoil: Callable[[mib.LoadedModel], object]) -> None:
        self.spoil = spoil

    def __call__(self, task: mib.LocalizationTask) -> mib.EdgeScores:
        assert isinstance(task.model, mib.LoadedModel)
        self.spoil(task.model)
        return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))


def a_bias_is_added(model: mib.LoadedModel) -> None:
    next(p for name, p in model.model.named_parameters() if "mlp" in name and name.endswith("bias")).data[0] += 1e-3


def a_hook_is_left(model: mib.LoadedModel) -> None:
    model.model.register_forward_hook(lambda *_: None)


SPOILS: dict[str, tuple[Callable[[mib.LoadedModel], object], str]] = {
    "an embedding": (lambda model: model.anatomy.token_embedding.zero_(), "'transformer.wte.weight' changed. Work"),
    "a bias": (a_bias_is_added, "bias' changed. Work"),
    "a dtype": (lambda model: model.model.half(), "'transformer.wte.weight', "),
    "a module": (lambda model: setattr(model.model, "ln_final", torch.nn.Identity()), "'ln_final"),
    "a hook": (a_hook_is_left, "'the model' hooked"),
}


@pytest.mark.parametrize("spoilt", SPOILS)
def test_a_method_that_changes_the_model_is_told_of_and_the_next_gets_it_as_it_was(
    checkpoint: Path, spoilt: str
) -> None:
    spoil, named = SPOILS[spoilt]
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=4, max_sizes=3)
    before = evaluator.score("eap")
    with pytest.raises(MethodError, match=r"changed the model: .* Work on copy\.deepcopy\(task\.model\)") as raised:
        evaluator.score(as_localizer(Spoiling(spoil).__call__, name="spoiling"))
    assert named in str(raised.value)
    assert replace(evaluator.score("eap"), seconds=before.seconds) == before


def test_what_is_switched_is_switched_back(checkpoint: Path) -> None:
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=4, max_sizes=3)

    def train(loaded: mib.LoadedModel) -> None:
        loaded.model.train().requires_grad_(True)
        loaded.model(torch.zeros(1, 3, dtype=torch.long)).sum().backward()

    loaded = evaluator.task.model
    evaluator.score(as_localizer(Spoiling(train).__call__, name="training"))
    assert evaluator.task.model is loaded and isinstance(loaded, mib.LoadedModel)
    assert not any(module.training for module in loaded.model.modules())
    assert not any(weight.requires_grad or weight.grad is not None for weight in loaded.model.parameters())


def test_methods_run_on_the_model_itself_and_it_is_gone_before_it_is_read_anew(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models of 16 GB do not fit where one does."""
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=4, max_sizes=3)
    lent, alive = list[int](), weakref.WeakSet[torch.UntypedStorage]()
    alive.add(evaluator.task.model.anatomy.token_embedding.untyped_storage())  # type: ignore[union-attr]
    read, reads = mib.load_model, list[int]()

    def reading(*given: Any, **named: Any) -> mib.LoadedModel:
        reads.append(len(alive))
        return read(*given, **named)

    monkeypatch.setattr(mib, "load_model", reading)

    def zero(model: mib.LoadedModel) -> None:
        lent.append(model.anatomy.token_embedding.data_ptr())
        model.anatomy.token_embedding.zero_()

    place = evaluator.task.model.anatomy.token_embedding.data_ptr()  # type: ignore[union-attr]
    with pytest.raises(MethodError):
        evaluator.score(as_localizer(Spoiling(zero).__call__, name="spoiling"))
    evaluator.score("random")
    assert (lent, reads) == ([place], [0])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_reading_a_model_in_every_way_leaves_it_as_it_was(architecture: str, tmp_path: Path) -> None:
    loaded = mib.load_model(make_checkpoint(tmp_path / architecture, architecture))
    before, tokens = Fingerprint.of(loaded), torch.arange(12)[None]
    bridge: Any = loaded.model
    bridge.run_with_cache(tokens)
    bridge.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_result", lambda value, hook: 0 * value)])
    bridge(tokens).logsumexp(-1).sum()
    for name in ("eap", "relp"):
        metric = LogitDifference.at_position(torch.tensor([1]), torch.tensor([2]), n_positions=12)
        task = mib.LocalizationTask(model=loaded, clean=tokens, counterfactual=tokens + 20, metric=metric)
        localization.get(name)(task)
    assert before.changes(Fingerprint.of(loaded)) == ""


def test_a_broken_method_that_changed_the_model_says_what_broke(checkpoint: Path) -> None:
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=4, max_sizes=3)
    before = evaluator.score("eap")

    def broken(model: mib.LoadedModel) -> None:
        model.anatomy.W_U.zero_()
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        evaluator.score(as_localizer(Spoiling(broken).__call__, name="broken"))
    assert replace(evaluator.score("eap"), seconds=before.seconds) == before


# -- prompts of one's own ---------------------------------------------------------------------------------------------


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    for part in ("train", "test"):
        tasks.get("greater-than").write(tmp_path / "data" / "greater-than", 40, seed=5, split=part)
    return Prompts(str(tmp_path / "data"), memory=2**27)


def test_prompts_of_a_folder_are_what_is_searched_and_measured_on(checkpoint: Path, prompts: Prompts) -> None:
    evaluator = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=6, prompts=prompts)
    for part, task in (("train", evaluator.task), ("test", evaluator.held_out)):
        wanted = tasks.get("greater-than").localization(
            mib.load_model(checkpoint), n=6, split=part, right_on="both", data=f"{prompts.data}/greater-than"
        )
        assert torch.equal(task.clean, wanted.clean) and task.memory == 2**27
    made_up = LanguageModelCircuitEvaluator.of(str(checkpoint), "greater-than", n_pairs=6)
    assert not torch.equal(made_up.task.clean, evaluator.task.clean)


def test_the_key_follows_the_prompts(checkpoint: Path, prompts: Prompts) -> None:
    own = replace(cell(checkpoint), prompts=prompts)
    before = cell_key(own)
    tasks.get("greater-than").write(Path(str(prompts.data)) / "greater-than", 41, seed=5, split="test")
    assert len({cell_key(cell(checkpoint)), before, cell_key(own)}) == 3


def test_prompts_are_for_language_models(prompts: Prompts) -> None:
    with pytest.raises(
        DomainError, match="--data, --answer-prefix and --memory are for language models, and there is n"
    ):
        planned("smoke", models=["hist"], prompts=prompts)
    with pytest.raises(DomainError, match="data='gone': no such folder. Write hub, or one with a folder"):
        planned("smoke", models=["learned"], prompts=Prompts("gone"))


def test_parameters_are_the_method_s_alone() -> None:
    cells = planned(
        "smoke", models=["hist"], methods=["eap", "eap-ig-inputs"], parameters={"eap-ig-inputs": {"steps": 2}}
    )
    assert {c.method: c.parameters for c in cells} == {"eap": (), "eap-ig-inputs": (("steps", 2),)}


# -- ranks ------------------------------------------------------------------------------------------------------------


def means(cmd: list[float]) -> dict[str, dict[str, float]]:
    methods = {
        name: {"auroc": 0.9 - 0.1 * i, "real_cmd": value}
        for i, (name, value) in enumerate(zip("abcd", cmd, strict=False))
    }
    return {**methods, "elsewhere": {"auroc": 0.1}}


def predicted_of(columns: dict[str, dict[str, float]]) -> tuple[Prediction, ...]:
    return predictions(columns, predictors=["auroc"], predicted_columns=["real_cmd"], lower_is_better=["real_cmd"])


@pytest.mark.parametrize(
    ("cmd", "tau"),
    [([0.1, 0.2, 0.3, 0.4], 1.0), ([0.4, 0.3, 0.2, 0.1], -1.0), ([0.2, 0.1, 0.3, 0.4], 2 / 3)],
)
def test_a_high_auroc_predicts_a_low_cmd(cmd: list[float], tau: float) -> None:
    (found,) = predicted_of(means(cmd))
    assert (found.column, found.predicted, found.n_methods) == ("auroc", "real_cmd", 4)
    assert found.tau == pytest.approx(tau)


def test_of_few_methods_no_rank_correlation_is_told() -> None:
    assert predicted_of(means([0.1, 0.2, 0.3])) == ()


@pytest.mark.slow
def test_one_table_has_exact_columns_where_truth_is_known_and_mibs_everywhere(checkpoint: Path, tmp_path: Path) -> None:
    methods = ["oracle", "eap", "eap-ig-inputs", "eap-ig-activations", "exact", "relp", "random"]
    chosen = [
        circuit_cell(method, model, n_pairs=8, max_sizes=5) for model in ("hist", "reverse") for method in methods
    ]
    chosen += [cell(checkpoint, method) for method in methods[1:]]
    found = [(c, o) for c, o, _ in run_cells(chosen, CellStore(tmp_path / "cells"))]
    result = result_of(found, seconds=1.0, controls=["random"])
    eap = next(s for s in result.summaries("resample") if s.method == "eap")
    assert eap.n_scored == 2
    assert eap.columns["real_cmd"].mean == scored(checkpoint).cmd
    assert eap.columns["cmd"].mean != eap.columns["real_cmd"].mean
    screen = Console(width=100, theme=THEME)
    with screen.capture() as captured:
        screen.print(result_view(result))
    text = " ".join(captured.get().split())
    assert "2 models and tiny (greater-than)" in text
    assert "predict its rank on language models? Kendall tau with CMD there, 5 methods: AUROC" in text
    assert max(map(len, captured.get().splitlines())) <= 100
    data = result_data(result)
    told = {(entry["column"], entry["predicted"]) for entry in data["rank_prediction"]}
    assert ("auroc", "real_cmd") in told
    assert json.dumps(data)
    assert "2 models and tiny (greater-than)" in result_markdown(result)
    assert "greater-than" in result_csv(result)
