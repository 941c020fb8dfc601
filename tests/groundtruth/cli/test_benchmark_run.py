"""Result files are named by what was asked, and no exit code says that all is well where nothing was scored."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from groundtruth.bench import Failed, Request, Skipped, find_track, result_of
from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES
from groundtruth.bench.tracks import TRACKS
from groundtruth.bench.variable_subjects import VARIABLE_PROFILES
from groundtruth.cli import main
from groundtruth.cli.benchmark_run import exit_code, name_run
from groundtruth.cli.main import app
from groundtruth.truth.circuits.circuit import ABLATIONS, Lengths
from mib.levels import LEVELS
from tests.groundtruth.bench.cell_makers import circuit_cell

METHODS = """import os
import sys

def leaves(task):
    sys.exit(0)

def leaves_at_once(task):
    os._exit(0)
"""


def test_runs_that_were_asked_other_things_have_other_names() -> None:
    track = find_track("circuits")
    plain = name_run(track, Request("smoke"), "smoke")
    assert plain.endswith("-smoke")
    others = [
        name_run(track, Request("smoke", models=["reverse"], methods=["eap"]), "smoke"),
        name_run(track, Request("smoke", models=["reverse"]), "smoke"),
        name_run(track, Request("smoke", seed=1), "smoke"),
        name_run(find_track("variables"), Request("smoke"), "smoke"),
        name_run(track, Request("smoke", methods=["a.py:f"]), "f"),
        name_run(track, Request("smoke", methods=["b.py:f"]), "f"),
    ]
    assert len({plain, *others}) == 7
    assert others[0] == name_run(track, Request("smoke", models=["reverse"], methods=["eap"]), "smoke")


def test_a_serial_run_says_that_it_was_one_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["score", "random", "--against", "", "--models", "hist", "--profile", "smoke", "--executor", "serial",
              "--out", str(tmp_path), "--json"])  # fmt: skip
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["executor"], settings["jobs"]) == ("serial", 1)


def test_the_exit_code_is_1_where_nothing_was_scored() -> None:
    skipped = (circuit_cell("eap", "odd"), Skipped("no live edge", "model"))
    assert exit_code(result_of([skipped], seconds=0.0)) == 1
    assert exit_code(result_of([(circuit_cell("eap", "hist"), Failed("x"))], seconds=0.0)) == 1


@pytest.mark.parametrize("name", ["leaves", "leaves_at_once"])
@pytest.mark.parametrize("command", ["score", "check"])
def test_a_method_that_ends_the_process_fails_the_command(tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / "mine.py").write_text(METHODS)
    options = ["--against", "", "--models", "hist", "--jobs", "1", "--out", str(tmp_path)] if command == "score" else []
    with pytest.raises(SystemExit) as ended:
        main([command, f"{tmp_path}/mine.py:{name}", *options])
    assert ended.value.code == 1


@pytest.mark.parametrize("text", ["sys.exit(0)", "os._exit(0)"])
@pytest.mark.parametrize("command", ["score", "check", "compile"])
def test_a_file_that_ends_the_process_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, text: str
) -> None:
    (tmp_path / "mine.py").write_text(f"import os\nimport sys\ndef mine(task):\n    pass\n{text}\n")
    with pytest.raises(SystemExit) as ended:
        main([command, f"{tmp_path}/mine.py:mine"])
    assert ended.value.code == 2
    assert "mine.py fails when it is imported: it ends the process (exit code 0)" in capsys.readouterr().err


def test_json_is_json_though_a_method_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(
        "import mib\nprint('at import')\ndef mine(task):\n    print('in the method')\n"
        "    return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))\n"
    )
    options = ["--against", "", "--models", "hist", "--jobs", "1", "--profile", "smoke", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["score", f"{tmp_path}/mine.py:mine", *options, "--out", str(tmp_path)])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["outcome"] == "scored"


LOUD = """
import os
import mib
import torch
from groundtruth.programs import program
from tracr.rasp import rasp
print("at import")
os.system("echo from another program")
os.write(1, b"past the stream\\n")
def loudly(token):
    print("in a function of a program")
    return token
@program(vocab="ab", max_seq_len=2)
def mine():
    "Say it as it is."
    print("in a program")
    return rasp.Map(loudly, rasp.tokens)
def ones(task):
    print("in a method")
    return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))
def found(task):
    print("in a featurizer")
    return mib.Featurizer.subspace(torch.eye(task.width, 1))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["compile", "mine.py:mine"],
        ["check", "mine.py:ones"],
        ["check", "mine.py:found", "--track", "variables"],
        ["bench", "--methods", "mine.py:ones", "--models", "hist,mine.py:mine", "--profile", "smoke", "--jobs", "2"],
    ],
    ids=" ".join,
)
def test_json_is_json_whatever_a_users_file_prints(
    tmp_path: Path, command: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the streams that a process of its own would have: those of descriptors 1 and 2."""
    (tmp_path / "mine.py").write_text(LOUD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with open(1, "w", closefd=False) as out, open(2, "w", closefd=False) as error, pytest.MonkeyPatch.context() as own:
        own.setattr(sys, "stdout", out)
        own.setattr(sys, "stderr", error)
        with pytest.raises(SystemExit):
            main([*command, "--json"])
    written = capfd.readouterr()
    json.loads(written.out)
    for text in ("at import", "from another program", "past the stream"):
        assert text in written.err


def test_the_shell_completes_the_choices_that_there_are() -> None:
    script = app.generate_completion(shell="bash")
    for choices in (TRACKS, CIRCUIT_PROFILES, VARIABLE_PROFILES, LEVELS, ABLATIONS, get_args(Lengths)):
        assert "(" + " ".join(f'"{name}"' for name in choices) + ")" in script


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "groundtruth", "programs"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.decode() == "error: cannot write: no space is left where the output goes.\n"
