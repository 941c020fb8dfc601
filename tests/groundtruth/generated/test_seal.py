"""The suite of a seal follows from its secret, and nothing is left to choose once it is published."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.errors import ProgramError
from groundtruth.generated import Bounds, seal
from groundtruth.generated.seal import draw_seal, open_seal, write_seal
from tests.groundtruth.scoreboard.bundles import change

BOUNDS = Bounds(depth=(1, 2), vocab=(2, 2), length=(2, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_seal(draw_seal(3, BOUNDS), tmp_path / "seal.json")
    return tmp_path / "seal.json"


def test_the_commitment_is_a_hash_of_all_that_the_suite_is_made_of(path: Path) -> None:
    public, secret = json.loads(path.read_text()), json.loads((path.parent / "seal.secret.json").read_text())
    text = json.dumps(
        {"bounds": asdict(BOUNDS), "code_sha256": public["code_sha256"], "n": 3, "seed": secret["seed"]}, sort_keys=True
    )
    assert public["commitment"] == hashlib.sha256(text.encode()).hexdigest()
    assert secret["seed"] not in path.read_text()
    assert (path.parent / "seal.secret.json").stat().st_mode & 0o077 == 0
    assert draw_seal(3, BOUNDS).seed != draw_seal(3, BOUNDS).seed


def test_a_seal_opens_with_its_own_secret_only(path: Path) -> None:
    assert open_seal(path) == seal.Seal(3, BOUNDS, seal.generator_sha256(), open_seal(path).seed)
    other = write_seal(draw_seal(3, BOUNDS), path.parent / "other.json")
    with pytest.raises(ProgramError, match=r"the seed is not the one that .*seal.json was made for: its hash is"):
        open_seal(path, other)
    change(path, lambda data: data.update(n=4))
    with pytest.raises(ProgramError, match="the seed is not the one that"):
        open_seal(path)


def test_a_seal_of_other_code_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "generator_sha256", lambda: "f00" * 20)
    with pytest.raises(ProgramError, match=r"was sealed with other code \(\w{12}, here f00f00f00f00\)"):
        open_seal(path)


def test_a_seal_is_never_written_over_and_a_missing_secret_is_told(path: Path) -> None:
    with pytest.raises(ProgramError, match=r"seal.json is there already, and a seal is never written over"):
        write_seal(draw_seal(3, BOUNDS), path)
    (path.parent / "seal.secret.json").unlink()
    with pytest.raises(ProgramError, match=r"cannot read .*seal.secret.json: No such file"):
        open_seal(path)


def test_the_suite_of_a_seal_is_that_of_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> dict:
        with pytest.raises(SystemExit) as ended:
            main(["generate", *arguments, "--json"])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    small = ["--n", "1", "--depth", "1", "--vocab", "2", "--length", "2..3"]
    sealed = run("--seal", str(tmp_path / "seal.json"), *small)
    revealed = run("--reveal", str(tmp_path / "seal.json"), "--out", str(tmp_path / "suite"), "--jobs", "1")
    assert revealed["seed"] == open_seal(tmp_path / "seal.json").seed
    assert revealed["seed"] >= 2**64  # a smaller one would be found by trying all
    assert sealed["commitment"] == json.loads((tmp_path / "seal.json").read_text())["commitment"]
    (name,) = revealed["models"]
    assert (tmp_path / "suite" / name / "model.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "--out is missing: name a folder for the suite"),
        (["--seal", "s.json", "--seed", "1"], "--seal makes no suite and draws its own seed"),
        (["--reveal", "s.json", "--out", "suite", "--n", "3"], "--reveal makes the suite that was sealed: leave out"),
    ],
)
def test_options_that_exclude_each_other_are_told(arguments, error, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", *arguments])
    assert ended.value.code == 2
    assert error in capsys.readouterr().err
