"""A held-out suite is the same everywhere, counts what it rejects, and its models are stored models like any other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.errors import ArtifactError, ProgramError, WorkerError
from groundtruth.executors import Processes
from groundtruth.executors.same_code import code_grounds
from groundtruth.generated import Bounds, from_code, make_draw
from groundtruth.generated.draw_job import unpack_draw
from groundtruth.generated.suite import generate
from groundtruth.model import load
from groundtruth.specs import models_in
from tests.groundtruth.executors.elsewhere import Elsewhere
from tests.hash_seeds import another_hash_seed
from tests.killing import kill_workers
from tests.patience import PATIENCE

SMALL = ["--depth", "1..3", "--length", "2..3", "--jobs", "1"]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suites") / "held-out"
    made = generate(3, folder, bounds=Bounds(depth=(1, 3), vocab=(2, 4), length=(2, 3)))
    return made, folder


def test_the_same_bytes_whatever_the_hash_seed_and_the_number_of_processes(suite, tmp_path):
    """The suite that it is compared with was made with this process's seed, and in it alone."""
    command = ["generate", "--n", "3", *SMALL[:4], "--jobs", "2", "--out", str(tmp_path / "again")]
    environment = another_hash_seed()
    subprocess.run([sys.executable, "-m", "groundtruth", *command], check=True, env=environment, timeout=PATIENCE)
    assert _files(tmp_path / "again") == _files(suite[1])


def test_members_are_stored_models_of_the_program_that_their_code_draws(suite):
    made, folder = suite
    assert len(made.members) == 3
    for member in made.members:
        model = load(folder / member.name)
        drawn = from_code(member.code)
        assert model.rasp_source in drawn.text
        assert (model.name, model.weights.n_layers) == (drawn.program.name, member.layers)
        assert len(model.circuit().edges) == member.live
        assert model.known_circuits[0].ablation == "resample"  # read, not proven again


def test_depths_are_dealt_out(suite):
    made, _ = suite
    assert made.spread()["layers"] == {"1": 1, "2": 1, "3": 1} or made.rejected
    assert sum(made.spread()["live edges"].values()) == 3
    assert made.draws == 3 + sum(made.rejected.values())


def test_the_manifest_holds_what_was_made(suite):
    made, folder = suite
    told = json.loads((folder / "suite.json").read_text())
    assert list(told["models"]) == [member.name for member in made.members]
    assert told["rejected"] == dict(made.rejected)
    assert (told["seed"], told["draws"]) == (0, made.draws)


def test_another_seed_makes_other_models(suite, tmp_path):
    other = generate(2, tmp_path / "other", seed=1, bounds=Bounds(depth=(1, 2), length=(2, 3)))
    assert not {member.name for member in other.members} & {member.name for member in suite[0].members}


def test_a_draw_whose_process_is_killed_is_made_once_more(tmp_path, monkeypatch):
    tiny = Bounds(depth=(1, 1), length=(2, 2))
    generate(2, tmp_path / "calm", bounds=tiny)
    started = kill_workers(monkeypatch, {0})
    generate(2, tmp_path / "killed", bounds=tiny, executor=Processes(2))
    assert len(started) >= 3
    assert _files(tmp_path / "killed") == _files(tmp_path / "calm")


def test_what_a_worker_elsewhere_makes_comes_back_byte_by_byte(tmp_path):
    tiny = Bounds(depth=(1, 1), length=(2, 2))
    generate(2, tmp_path / "here", bounds=tiny)
    generate(2, tmp_path / "elsewhere", bounds=tiny, executor=Elsewhere())
    assert _files(tmp_path / "elsewhere") == _files(tmp_path / "here")


def test_a_worker_elsewhere_with_other_code_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr("groundtruth.generated.suite.code_grounds", lambda *roots: code_grounds("groundtruth.files"))
    with pytest.raises(WorkerError, match=r"would compute something else .*: the code of groundtruth and mib \("):
        generate(1, tmp_path, bounds=Bounds(depth=(1, 1), length=(2, 2)), executor=Elsewhere())


def test_a_worker_writes_no_file_that_no_draw_has(tmp_path):
    with pytest.raises(WorkerError, match=r"a file that no draw has: '\.\./escaped'\. Nothing of it was written"):
        unpack_draw(json.dumps({"outcome.json": "", "../escaped": ""}), tmp_path / "draw")
    assert not list(tmp_path.iterdir())


def test_a_draw_that_is_lost_twice_ends_the_suite_and_the_others_are_kept(tmp_path, monkeypatch, capsys):
    command = ["generate", "--n", "2", "--depth", "1", "--length", "2", "--jobs", "2", "--out", str(tmp_path)]
    kill_workers(monkeypatch, {0, 2})
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 1
    assert capsys.readouterr().err == (
        "error: draw 0 of seed 0 was tried twice: its process was killed (signal 9): most likely out of memory. No "
        f"suite is written; what the other draws gave is kept in {tmp_path / '.drawing'}. Run again: the same command "
        "makes only what is missing.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".drawing"]
    made = []
    drawn = make_draw._drawn
    monkeypatch.setattr(make_draw, "_drawn", lambda job: made.append(job.number) or drawn(job))
    generate(2, tmp_path, bounds=Bounds(depth=(1, 1), heads=(1, 4), vocab=(2, 4), length=(2, 2)))
    assert 0 in made and 1 not in made
    assert not (tmp_path / ".drawing").exists()


def test_a_suite_gives_way_to_one_of_the_same_draws_only(tmp_path):
    tiny = Bounds(depth=(1, 1), length=(2, 2))
    more, fewer = generate(2, tmp_path, bounds=tiny), generate(1, tmp_path, bounds=tiny)
    assert fewer.members == more.members[:1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([fewer.members[0].name, "suite.json"])
    with pytest.raises(ProgramError, match=r"holds another suite \(seed 0, depth 1, .*\); name another folder"):
        generate(1, tmp_path, bounds=tiny, seed=1)


def test_bounds_that_leave_nothing_end_with_the_reasons(tmp_path):
    narrow = Bounds(depth=(1, 1), vocab=(2, 2), length=(2, 2), live=(39, 40))
    with pytest.raises(ProgramError, match=r"only 0 of 1 models in 20 draws .* live edges out of bounds \d+"):
        generate(1, tmp_path / "none", bounds=narrow)
    assert list((tmp_path / "none").iterdir()) == []


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ProgramError, match="not empty and no suite"):
        generate(1, tmp_path)
    with pytest.raises(ProgramError, match="n=0 makes no suite"):
        generate(0, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious.txt"]


def test_a_folder_of_models_stands_for_all_of_them(suite):
    made, folder = suite
    names = sorted(str(folder / member.name) for member in made.members)
    assert models_in([str(folder)]) == names
    assert models_in([f"{folder}/g*"]) == names
    assert models_in(["reverse", names[0]]) == ["reverse", names[0]]
    with pytest.raises(ArtifactError, match="matches no stored model"):
        models_in([f"{folder}/x*"])


def test_the_command_line_tells_the_spread(capsys, tmp_path):
    with pytest.raises(SystemExit) as left:
        main(["generate", "--n", "2", *SMALL, "--out", str(tmp_path / "two")])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert "Generated suite · 2 models · seed 0" in told
    assert "layers" in told and "draws kept" in told
    with pytest.raises(SystemExit) as left:
        main(["generate", "--n", "2", "--depth", "9..3", "--out", str(tmp_path / "three")])
    assert left.value.code == 2
    assert "depth=(9, 3) is no range" in capsys.readouterr().err
