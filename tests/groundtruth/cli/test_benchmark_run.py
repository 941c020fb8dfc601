"""Result files are named by what was asked, and no exit code says that all is well where nothing was scored."""

from pathlib import Path

import pytest

from groundtruth.bench import Failed, Request, Skipped, find_track, result_of
from groundtruth.cli import main
from groundtruth.cli.benchmark_run import exit_code, name_run
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
    import json

    (tmp_path / "mine.py").write_text(
        "import mib\nprint('at import')\ndef mine(task):\n    print('in the method')\n"
        "    return mib.EdgeScores(task.graph, [1.0] * len(task.graph.edges))\n"
    )
    options = ["--against", "", "--models", "hist", "--jobs", "1", "--profile", "smoke", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["score", f"{tmp_path}/mine.py:mine", *options, "--out", str(tmp_path)])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["outcome"] == "scored"
