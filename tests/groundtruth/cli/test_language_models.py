"""Language models on the command line."""

import json
from pathlib import Path

import pytest

from groundtruth.cli import main


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
    assert [(cell["method"], cell["model"], cell["live"]) for cell in real] == [
        ("eap", "learned", None),
        ("random", "learned", None),
    ]
    assert all(cell["live"] for cell in cells if not cell["cell"]["task"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--models", "gpt2"), "'gpt2' is a language model: say by --task what it is scored on"),
        (("--task", "ioi", "--models", "reverse"), "--task ioi is for language models"),
        (("--models", "learned", "--task", "oi"), "unknown task 'oi'. Did you mean: ioi?"),
        (("--track", "variables", "--set", "steps=2"), "--set is an option of --track circuits"),
    ],
)
def test_what_does_not_go_together_is_told(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = run(capsys, "score", "eap", *options)
    assert code == 2
    assert message in error
