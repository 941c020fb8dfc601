"""Language models on the command line."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench.variable_subjects import VARIABLE_PROFILES
from groundtruth.cli import main
from mib import tasks


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def test_a_method_is_scored_on_the_learned_model_and_a_compiled_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ("--models", "copy_first,learned", "--task", "greater-than", "--profile", "smoke", "--against", "random")
    code, out, _ = run(capsys, "score", "eap", *options, "--jobs", "1", "--out", str(tmp_path))
    assert code == 0
    text = " ".join(out.split())
    assert "1 model and learned (greater-than)" in text
    assert "no truth is known there" in text
    cells = json.loads(next(tmp_path.glob("*.json")).read_text())["cells"]
    real = [cell for cell in cells if cell["cell"]["task"]]
    assert [(cell["method"], cell["model"], cell["truth"]) for cell in real] == [
        ("eap", "learned", None),
        ("random", "learned", None),
    ]
    assert all(cell["truth"]["live"] for cell in cells if not cell["cell"]["task"])


def test_a_featurizer_is_scored_on_prompts_of_a_folder_with_parameters_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one seed: what is scored does not depend on the number of seeds."""
    monkeypatch.setitem(VARIABLE_PROFILES, "smoke", replace(VARIABLE_PROFILES["smoke"], seeds=1))
    for part in ("train", "validation", "test"):
        tasks.get("ioi").write(tmp_path / "data" / "ioi", 400, seed=5, split=part)
    place = ("--models", "learned:output_token@residual.2.post", "--task", "ioi:s2_io_flip", "--data", "data")
    options = (*place, "--profile", "smoke", "--against", "", "--set", "rank=3", "--set", "steps=2", "--memory", "1GiB")
    options += ("--pairs", "48,16,24")
    with contextlib.chdir(tmp_path):
        code, _, error = run(capsys, "score", "das", "--track", "variables", *options, "--jobs", "1")
    assert (code, error) == (0, "")
    result = json.loads(next((tmp_path / "results").glob("*.json")).read_text())
    assert result["settings"]["data"] == "data"
    assert result["settings"]["parameters"] == {"rank": 3, "steps": 2}
    own = [cell for cell in result["cells"] if cell["method"] == "das"]
    assert [(cell["rank"], cell["n_train"], cell["n_test"]) for cell in own] == [(3, 48, 24)]
    assert result["settings"]["pairs"] == "48,16,24"
    assert own[0]["cell"]["prompts"] == {"data": "data", "answer_prefix": None, "memory": 2**30}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("score", "das", "--set", "ranks=3"), "has no parameter 'ranks'"),
        (("score", "das", "--set", "rank=many"), "--set rank=many: expected a value like its default, 16"),
        (("score", "das", "--models", "reverse", "--data", "."), "and there is none among reverse"),
        (("bench", "--models", "learned", "--data", "gone"), "data='gone': no such folder"),
        (("bench", "--models", "learned", "--memory", "much"), "--memory much: "),
        (("bench", "--models", "learned", "--pairs", "100"), "--pairs 100: write three numbers of at least 1"),
        (("bench", "--models", "learned", "--pairs", "60,0,9"), "--pairs 60,0,9: write three numbers of at least 1"),
    ],
)
def test_options_of_featurizers_are_checked_before_anything_is_run(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, error = run(capsys, *arguments, "--track", "variables", "--out", str(tmp_path / "results"))
    assert (code, out) == (2, "")
    assert message in error
    assert not (tmp_path / "results").exists()


def test_all_methods_are_scored_on_prompts_of_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for part in ("train", "test"):
        tasks.get("greater-than").write(tmp_path / "data" / "greater-than", 200, seed=5, split=part)
    options = ("--models", "learned", "--task", "greater-than", "--methods", "random", "--data", str(tmp_path / "data"))
    code, _, _ = run(capsys, "bench", "--profile", "smoke", *options, "--jobs", "1", "--out", str(tmp_path / "results"))
    assert code == 0
    cells = json.loads(next((tmp_path / "results").glob("*.json")).read_text())["cells"]
    assert [cell["cell"]["prompts"]["data"] for cell in cells] == [str(tmp_path / "data")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--models", "gpt2"), "'gpt2' is a language model: say by --task what it is scored on"),
        (("--task", "ioi", "--models", "reverse"), "--task ioi is for language models"),
        (("--models", "learned", "--task", "oi"), "unknown task 'oi'. Did you mean: ioi?"),
        (("--track", "variables", "--ablation", "zero"), "--ablation is an option of --track circuits"),
        (("--pairs", "60,20,20"), "--pairs is an option of --track variables: circuits are not learned from pairs"),
    ],
)
def test_what_does_not_go_together_is_told(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = run(capsys, "score", "eap", *options)
    assert code == 2
    assert message in error
