"""A folder is looked at cell by cell, and every problem is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mib import EdgeScores, FormatError, Graph
from mib.featurization import Featurizer
from mib.leaderboard.formats import IoiParameters, Unit, write_circuit, write_featurizer, write_ioi_parameters
from mib.leaderboard.submissions import CellReport, check_submission
from mib.leaderboard.submissions.leaderboard_models import MODELS


def circuit(folder: Path, cell: str, graph: Graph, *, value: float = 1.0) -> Path:
    (folder / cell).mkdir(parents=True)
    write_circuit(folder / cell / "importances.pt", EdgeScores(graph, np.full(len(graph.edges), value)))
    return folder / cell


def report(folder: Path, name: str) -> CellReport:
    return next(cell for cell in check_submission(folder).cells if cell.name == name)


READY = ("ioi_gpt2", "mcqa_qwen2.5")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    for cell in READY:
        circuit(folder, cell, MODELS[cell.rpartition("_")[2]].graph)
    return folder


def test_a_submission_of_two_tasks_and_models_is_ready(ready: Path) -> None:
    found = check_submission(ready)
    assert found.ready and found.track == "circuits" and not found.problems
    assert [cell.name for cell in found.cells if cell.state == "complete"] == list(READY)
    assert {cell.state for cell in found.cells if cell.name not in READY} == {"absent"}
    assert found.cells[0].name == "ioi_gpt2" and found.cells[0].holds == "scores of 32,491 edges"


def test_each_faulty_cell_says_what_is_wrong(tmp_path: Path) -> None:
    graph = MODELS["gpt2"].graph
    circuit(tmp_path, "ioi_gpt2", replace(graph, n_layers=2))
    (problem,) = report(tmp_path, "ioi_gpt2").problems
    assert problem.startswith(
        "cfg is of a model with 2 layers x 12 heads, d_model 768; the leaderboard's has 12 layers"
    )
    circuit(tmp_path, "ioi_qwen2.5", Graph(1, 1, 4), value=0.0)
    assert report(tmp_path, "ioi_qwen2.5").problems[1:] == ("every score of the edges is 0, which ranks nothing",)
    broken = circuit(tmp_path, "mcqa_qwen2.5", Graph(1, 1, 4)) / "importances.pt"
    broken.write_bytes(broken.read_bytes()[:-40])
    (problem,) = report(tmp_path, "mcqa_qwen2.5").problems
    assert problem.startswith("importances.pt: ")
    (tmp_path / "arc-easy_llama3").mkdir()
    (problem,) = report(tmp_path, "arc-easy_llama3").problems
    assert "holds 0 circuit files; expected one file of importances" in problem
    (tmp_path / "arc-easy_gpt2").mkdir()
    found = check_submission(tmp_path)
    assert found.problems[0].startswith("'arc-easy_gpt2' is no cell of the leaderboard. Did you mean: arc-easy_gemma2")
    assert not found.ready


def test_unscored_edges_are_counted(tmp_path: Path) -> None:
    graph = MODELS["gpt2"].graph
    values = np.ones(len(graph.edges))
    values[:3] = np.nan
    (tmp_path / "ioi_gpt2").mkdir()
    write_circuit(tmp_path / "ioi_gpt2" / "importances.pt", EdgeScores(graph, values))
    assert report(tmp_path, "ioi_gpt2").problems == ("3 of 32,491 edges have no score; they count as always kept",)


def test_one_task_or_model_is_too_few(tmp_path: Path) -> None:
    circuit(tmp_path, "ioi_gpt2", MODELS["gpt2"].graph)
    found = check_submission(tmp_path)
    assert not found.ready
    assert found.problems == ("at least 2 tasks and 2 models are needed; found 'ioi' on 'gpt2'",)


UNIT = Unit("ResidualStream", 0, "last_token")


def subspace(width: int) -> Featurizer:
    return Featurizer.subspace(torch.eye(width)[:, :2])


def test_only_pairs_of_task_and_model_that_mib_evaluates_are_cells(tmp_path: Path) -> None:
    write_featurizer(tmp_path / "ravel_task_Gemma2ForCausalLM_Country", UNIT, subspace(2304))
    found = check_submission(tmp_path)
    assert found.ready and len(found.cells) == 26
    write_featurizer(tmp_path / "ravel_task_GPT2LMHeadModel_Country", UNIT, subspace(768))
    found = check_submission(tmp_path)
    assert not found.ready
    assert found.problems[0].startswith("'ravel_task_GPT2LMHeadModel_Country' is no cell of the leaderboard. Did you")


def test_featurizers_are_looked_at_unit_by_unit(tmp_path: Path) -> None:
    cell = tmp_path / "4_answer_MCQA_Qwen2ForCausalLM_answer"
    for layer in range(3):
        write_featurizer(cell, Unit("ResidualStream", layer, "last_token"), subspace(896))
    found = check_submission(tmp_path)
    assert found.ready and found.track == "featurizers"
    assert report(tmp_path, cell.name).holds == "3 units"
    (cell / "ResidualStream(Layer-1,Token-last_token)_indices").unlink()
    (cell / "ResidualStream(Layer-2,Token-last_token)_featurizer").unlink()
    write_featurizer(cell, Unit("ResidualStream", 11, "correct_symbol"), subspace(32))
    write_featurizer(cell, Unit("ResidualStream", 24, "correct_symbol"), subspace(896))
    known = report(tmp_path, cell.name)
    assert known.state == "faulty" and known.holds == "1 of 5 units"
    no_indices, wrong_width, no_featurizer, no_layer = known.problems  # in the order of the files' names
    assert "32 rows, the site 896 dimensions" in wrong_width
    assert "Layer-24" in no_layer and "has 24 layers x 14 heads" in no_layer
    assert no_indices == "ResidualStream(Layer-1,Token-last_token): without _indices"
    assert no_featurizer == "ResidualStream(Layer-2,Token-last_token): without _featurizer"


def test_ioi_needs_the_parameters_of_each_model(tmp_path: Path) -> None:
    for architecture, width in (("GPT2LMHeadModel", 64), ("Gemma2ForCausalLM", 256)):
        cell = tmp_path / f"ioi_task_{architecture}_output_token"
        write_featurizer(cell, Unit("AttentionHead", 7, "all", 3), subspace(width), joint=":")
    assert check_submission(tmp_path).problems == (
        "has cells of ioi_task, but no ioi_linear_params.json with the parameters of its causal model",
    )
    write_ioi_parameters(tmp_path / "ioi_linear_params.json", {"gpt2": IoiParameters(0.3, 0.6, 2.2)})
    assert check_submission(tmp_path).problems == (
        "ioi_linear_params.json has no parameters for Gemma2ForCausalLM ('gemma')",
    )
    both = {"gpt2": IoiParameters(0.3, 0.6, 2.2), "gemma": IoiParameters(0.0, 0.8, 2.0)}
    write_ioi_parameters(tmp_path / "ioi_linear_params.json", both)
    assert check_submission(tmp_path).ready
    (tmp_path / "ioi_linear_params.json").write_text(json.dumps({"gpt2": {"bias": "x"}}))
    assert not check_submission(tmp_path).ready


def test_folders_that_are_no_submission_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="nowhere: folder: does not exist"):
        check_submission(tmp_path / "nowhere")
    with pytest.raises(FormatError, match="holds no cell of the leaderboard"):
        check_submission(tmp_path)
    (tmp_path / "ioi_gpt-2").mkdir()
    with pytest.raises(FormatError, match="holds no cell of the leaderboard. Did you mean: ioi_gpt2"):
        check_submission(tmp_path)
    (tmp_path / "ioi_gpt2").mkdir()
    (tmp_path / "ravel_task_LlamaForCausalLM_Country").mkdir()
    with pytest.raises(FormatError, match="holds cells of both tracks; submit them apart"):
        check_submission(tmp_path)
