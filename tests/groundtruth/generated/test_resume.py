"""Nothing is removed but what a suite's making left, whatever the files in its folder say."""

import json
import threading
from pathlib import Path

import pytest

from groundtruth.errors import ProgramError
from groundtruth.generated import Bounds
from groundtruth.generated.bounds import Bounds as AnyBounds
from groundtruth.generated.lock import locked
from groundtruth.generated.resume import WORKSHOP, Job, clear, kept, publish
from groundtruth.generated.suite import generate

TINY = Bounds(depth=(1, 1), length=(2, 2))
DRAW = "0-0123456789abcdef"
MEMBER = {
    "name": "g01234567",
    "code": "1",
    "layers": 1,
    "heads": 1,
    "live": 1,
    "edges": 2,
    "shared_mlps": 0,
    "inputs": 3,
    "causal": False,
}


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with something dear in it, and a folder for a suite beside that."""
    (tmp_path / "dear").mkdir()
    (tmp_path / "dear" / "thesis.tex").write_text("three years")
    (tmp_path / "suite").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["..", ".", "", "../dear", "g0123456", "g01234567/..", "G01234567", "a/b", "x\n"])
@pytest.mark.parametrize("kind", ["of the same seed", "with a workshop too"])
def test_a_manifest_with_another_name_than_ours_is_refused_and_nothing_is_removed(home, name, kind):
    manifest = {"schema_version": 1, "seed": 0, "bounds": str(TINY), "models": {name: {}}}
    (home / "suite" / "suite.json").write_text(json.dumps(manifest))
    if kind == "with a workshop too":
        (home / "suite" / WORKSHOP).mkdir()
    before = tree(home)
    with pytest.raises(ProgramError, match="generated models are named g and 8 hexadecimal digits") as caught:
        generate(1, home / "suite", bounds=TINY)
    assert repr(name) in str(caught.value) and "suite.json" in str(caught.value)
    assert tree(home) == before


def test_an_absolute_name_in_a_manifest_is_refused(home):
    manifest = {"seed": 0, "bounds": str(TINY), "models": {str(home / "dear"): {}}}
    (home / "suite" / "suite.json").write_text(json.dumps(manifest))
    with pytest.raises(ProgramError, match="generated models are named"):
        generate(1, home / "suite", bounds=TINY)
    assert (home / "dear" / "thesis.tex").read_text() == "three years"


@pytest.mark.parametrize("content", ["[]", "3", "{", '{"models": 3}', '{"models": ["g01234567"]}', "[" * 100_000])
def test_a_manifest_that_is_none_is_refused(home, content):
    data = content.replace('{"models"', json.dumps({"seed": 0, "bounds": str(TINY)})[:-1] + ', "models"')
    (home / "suite" / "suite.json").write_text(data)
    with pytest.raises(ProgramError, match="suite.json is not JSON|holds another suite|suite.json names the model"):
        generate(1, home / "suite", bounds=TINY)


@pytest.mark.parametrize("name", ["..", "../../../dear", "", "g0123456"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_kept_outcome_with_another_name_than_ours_is_made_again(home, name, absolute):
    told = str(home / "dear") if absolute else name
    job = Job(0, 0, AnyBounds(), home / "suite" / WORKSHOP / DRAW)
    job.folder.mkdir(parents=True)
    (job.folder / "outcome.json").write_text(json.dumps({"member": MEMBER | {"name": told}}))
    assert kept(job, lambda job: "too small") == "too small"
    assert (home / "dear" / "thesis.tex").exists()


@pytest.mark.parametrize(
    "outcome",
    [{"rejected": 3}, {"member": 3}, {"member": MEMBER | {"layers": "2"}}, {"member": {"name": "g01234567"}}, [], 7],
)
def test_a_kept_outcome_of_wrong_types_is_made_again(home, outcome):
    job = Job(0, 0, AnyBounds(), home / DRAW)
    (job.folder / "g01234567").mkdir(parents=True)
    (job.folder / "outcome.json").write_text(json.dumps(outcome))
    assert kept(job, lambda job: "too small") == "too small"


def test_what_was_kept_is_taken(home):
    job = Job(0, 0, AnyBounds(), home / DRAW)
    (job.folder / "g01234567").mkdir(parents=True)
    (job.folder / "outcome.json").write_text(json.dumps({"member": MEMBER}))
    found = kept(job, lambda job: "too small")
    assert not isinstance(found, str) and vars(found) == MEMBER


@pytest.mark.parametrize(
    "stranger", ["notes.txt", "0-0123456789abcdef/notes.txt", "0-0123456789abcdef/g01234567/my.npz"]
)
def test_a_workshop_with_something_of_yours_is_not_removed(home, stranger):
    workshop = home / "suite" / WORKSHOP
    draw = workshop / DRAW
    (draw / "g01234567").mkdir(parents=True)
    for ours in ("outcome.json", ".outcome.json.0a1b2c3d", "g01234567/model.json", "g01234567/.truth.json.abcd1234"):
        (draw / ours).write_text("{}")
    (workshop / stranger).write_text("mine")
    before = tree(home)
    with pytest.raises(ProgramError, match=f"holds '{stranger}', which was not made here, so it is not removed"):
        clear(workshop)
    assert tree(home) == before
    (workshop / stranger).unlink()
    clear(workshop)
    assert not workshop.exists()


def test_links_are_not_followed(home):
    workshop = home / "suite" / WORKSHOP
    workshop.symlink_to(home / "dear")
    with pytest.raises(ProgramError, match=r"\.drawing is a link"):
        generate(1, home / "suite", bounds=TINY)
    workshop.unlink()
    (workshop / DRAW).mkdir(parents=True)
    (workshop / DRAW / "g01234567").symlink_to(home / "dear")
    with pytest.raises(ProgramError, match="not made here"):
        clear(workshop)
    assert (home / "dear" / "thesis.tex").exists()


def test_a_model_of_an_earlier_suite_with_something_of_yours_in_it_is_not_removed(home):
    suite = home / "suite"
    old = suite / "g01234567"
    old.mkdir()
    for name in ("model.json", "truth.json", "model.safetensors", "notes.txt"):
        (old / name).write_text("{}")
    (suite / "suite.json").write_text(json.dumps({"models": {"g01234567": {}}}))
    (suite / WORKSHOP).mkdir()
    with pytest.raises(ProgramError, match="holds 'notes.txt', which was not made here"):
        publish(suite / WORKSHOP, {}, {"models": {}})
    assert (old / "notes.txt").exists() and (old / "model.json").exists()


def test_a_workshop_does_not_open_the_door_to_another_suite(home):
    """A run that was interrupted leaves a workshop; the suite beside it is still that of its own seed."""
    suite = home / "suite"
    (suite / WORKSHOP).mkdir()
    (suite / "suite.json").write_text(json.dumps({"seed": 3, "bounds": str(TINY), "models": {}}))
    with pytest.raises(ProgramError, match=r"holds another suite \(seed 3"):
        generate(1, suite, bounds=TINY)
    (suite / "suite.json").unlink()
    (suite / "thesis.tex").write_text("three years")
    with pytest.raises(ProgramError, match=r"it holds 'thesis\.tex'"):
        generate(1, suite, bounds=TINY)


def test_two_runs_into_one_folder_are_one_run_and_an_error(tmp_path):
    """The second is refused while the first is at work, leaves its draws alone, and may run when it is done."""
    (tmp_path / WORKSHOP).mkdir()
    with locked(tmp_path / WORKSHOP):
        with pytest.raises(ProgramError, match=f"another process is making a suite in {tmp_path}. Wait until"):
            generate(1, tmp_path, bounds=TINY)
        assert (tmp_path / WORKSHOP).is_dir()
    made = generate(1, tmp_path, bounds=TINY)
    assert sorted(path.name for path in tmp_path.iterdir()) == [made.members[0].name, "suite.json"]


def test_a_lock_that_was_removed_and_made_anew_is_held_by_one(tmp_path):
    with locked(tmp_path):
        (tmp_path / "lock").unlink()
        with locked(tmp_path):  # the folder was cleared: whoever comes now is alone in the new one
            refused: list[str] = []

            def third() -> None:
                try:
                    with locked(tmp_path):
                        pass
                except ProgramError as error:
                    refused.append(str(error))

            thread = threading.Thread(target=third)
            thread.start()
            thread.join()
    assert len(refused) == 1
