"""The commands for MIB's leaderboards."""

import json
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.cli.options import read_memory, read_parameters
from tests.mib.leaderboard.submissions.checkpoints_of_tasks import stand_in

METHOD = """
import mib
import numpy as np

def ones(task):
    return mib.EdgeScores(task.graph, np.ones(len(task.graph.edges)))

def not_a_number(task):
    return mib.EdgeScores(task.graph, np.full(len(task.graph.edges), np.nan))
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    shown = capsys.readouterr()
    return int(stop.value.code or 0), shown.out, shown.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submitting")
    stand_in(folder / "gpt2", "gpt2", "ioi", "arithmetic-addition")
    (folder / "my_file.py").write_text(METHOD)
    return folder


def test_a_method_of_ones_own_is_submitted_and_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit = ("submit", f"{folder}/my_file.py:ones", "--models", f"gpt2={folder}/gpt2", "--tasks", "ioi,mcqa",
              "--n", "4", "--out", str(folder / "out"))  # fmt: skip
    code, out, _ = run(capsys, *submit)
    assert code == 0
    words = " ".join(out.split())
    assert "mcqa_gpt2 skipped the leaderboard has no such cell" in words and "ioi_gpt2 written" in words
    code, out, _ = run(capsys, *submit, "--json")
    assert {cell["cell"]: cell["state"] for cell in json.loads(out)} == {"mcqa_gpt2": "skipped", "ioi_gpt2": "kept"}
    code, out, _ = run(capsys, "submission", "check", str(folder / "out"))
    assert code == 1 and "not ready to submit" in out and "! at least 2 tasks and 2 models are needed" in out
    code, out, _ = run(capsys, "submission", "check", str(folder / "out"), "--json")
    report = json.loads(out)
    assert code == 1 and report["cells"][0]["state"] == "faulty" and "3 layers x 4 heads" in str(report["cells"][0])


def test_a_method_without_numbers_fails_its_cell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "submit", f"{folder}/my_file.py:not_a_number", "--models", f"gpt2={folder}/gpt2", "--tasks", "ioi",
        "--n", "4", "--out", str(folder / "failing"),
    )  # fmt: skip
    assert code == 1 and "failed" in out and "no finite score" in out and "1 failed: run again" in out


def test_a_cell_that_takes_longer_than_it_may_has_failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "submit", "eap", "--models", f"gpt2={folder}/gpt2", "--tasks", "ioi", "--n", "4",
        "--out", str(folder / "late"), "--cell-timeout", "0.001", "--json",
    )  # fmt: skip
    told = {"cell": "ioi_gpt2", "state": "failed", "detail": "it was stopped after 0.001 s, its time limit"}
    assert code == 1 and told.items() <= json.loads(out)[0].items()


def test_featurizers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "submit", "pca", "--track", "featurizers", "--models", f"gemma2={folder}/gpt2", "--layers", "1",
        "--tasks", "arithmetic-addition", "--n", "5", "--right-on", "any", "--out", str(folder / "featurizers"),
    )  # fmt: skip
    assert code == 0 and "arithmetic_Gemma2ForCausalLM_ones_carry written 2 units" in " ".join(out.split())
    code, out, _ = run(capsys, "submission", "check", str(folder / "featurizers"))
    assert code == 1 and "a submission of featurizers" in out and "32 rows, the site 2304 dimensions" in out


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["steps=7"], {"steps": 7}),
        (["share=1", "confident=false"], {"share": 1.0, "confident": False}),
        (["kind=none", "limit=none"], {"kind": "none", "limit": None}),
        (["kind=a=b"], {"kind": "a=b"}),
        (None, {}),
    ],
)
def test_parameters_are_of_the_kind_of_their_defaults(texts: list[str] | None, found: dict[str, object]) -> None:
    known = {"steps": 5, "share": 0.5, "confident": True, "kind": "all", "limit": None}
    got = read_parameters(texts, "mine", known)
    assert got == found and [type(value) for value in got.values()] == [type(value) for value in found.values()]


@pytest.mark.parametrize(("text", "size"), [(None, 2**31), ("1.5GiB", 3 * 2**29), ("64 KiB", 2**16), ("4096", 4096)])
def test_memory_is_bytes_or_so_many_of_their_powers(text: str | None, size: int) -> None:
    assert read_memory(text) == size


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("submit", "eap", "--models", "gtp2", "--tasks", "ioi"),
            "'gtp2' is no model of the leaderboard. Did you",
        ),
        (("submit", "eep", "--models", "gpt2", "--tasks", "ioi"), "unknown localizer 'eep'. Did you mean: eap"),
        (("submit", "eap", "--models", "gpt2", "--tasks", "io"), "task 'io' is not on the leaderboard of circuits"),
        (("submit", "eap", "--models", "gpt2", "--tasks", "ioi", "--track", "circuit"), "Did you mean: circuits?"),
        (("submit", "eap", "--models", "gpt2", "--tasks", "ioi", "--layers", "1"), "are for --track featurizers"),
        (("submit", "eap-ig-inputs", "--models", "gpt2", "--tasks", "ioi", "--set", "step=3"), "Did you mean: steps?"),
        (
            ("submit", "eap-ig-inputs", "--models", "gpt2", "--tasks", "ioi", "--set", "steps=few"),
            "--set steps=few: expected a value like its default, 5.",
        ),
        (
            ("submit", "eap-ig-inputs", "--models", "gpt2", "--tasks", "ioi", "--set", "steps"),
            "--set steps: 'steps' has no value. Write --set name=value",
        ),
        (("submit", "eap", "--models", "gpt2", "--tasks", "ioi", "--ablation", "zeros"), "Did you mean: zero?"),
        (("submit", "eap", "--models", "gpt2", "--tasks", "ioi", "--ablation", "optimal"), "needs constants"),
        (("submit", "eap", "--models", "gpt2", "--tasks", "ioi", "--memory", "2GB"), "such as 512MiB or 16GiB"),
        (
            ("submit", "pca", "--models", "gpt2", "--tasks", "ioi", "--track", "featurizers", "--ablation", "zero"),
            "--ablation is for --track circuits",
        ),
        (("submission", "check", "nowhere"), "nowhere: folder: does not exist"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--out", str(tmp_path / "out")) if arguments[0] == "submit" else ()
    code, _, err = run(capsys, *arguments, *more)
    assert code == 2 and err.startswith("error: ") and told in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
