"""The scoring commands with ``--track variables``."""

import json
from pathlib import Path

import pytest

from groundtruth.cli import main

MINE = '''
import mib


def difference(task: mib.FeaturizationTask) -> mib.Featurizer:
    """The directions in which bases and sources differ."""
    base, source = task.activations(task.split.train)
    return mib.Featurizer.subspace(mib.featurization.orthonormal((source - base).flatten(0, 1).T)[:, :4])


def cheat(task):
    return mib.Featurizer(lambda x: (x, x), lambda features, error: features, task.width)
'''

PLACE = "second_step:step@residual.1.mid"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def test_a_method_of_ones_own_beside_the_baselines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("score", "mine.py:difference", "--track", "variables", "--profile", "smoke", "--against", "pca")
    arguments += ("--models", PLACE, "--jobs", "1")
    code, out, _ = run(capsys, *arguments, "--fail-under", "precision=0.99")
    assert code == 1
    assert "not met: precision is" in out
    assert [name for name in ("oracle", "no-op", "full-vector", "random-k", "pca", "difference") if name in out] == [
        "oracle", "no-op", "full-vector", "random-k", "pca", "difference",
    ]  # fmt: skip
    assert "3 seeds from 0" in out
    assert all(len(line) <= 100 for line in out.splitlines())
    files = sorted(path.suffix for path in (folder / "results").glob("*-variables-difference-*"))
    assert files == [".csv", ".json", ".md"]
    code, out, _ = run(capsys, *arguments, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["settings"]["known"] == len(data["cells"]) == 18  # nothing was run again
    rows = {(cell["method"], cell["seed"]): cell for cell in data["cells"]}
    assert rows["oracle", 0]["accuracy"] == 1.0
    assert rows["no-op", 0]["accuracy"] == 0.0
    assert rows["full-vector", 2]["truth"]["overlap"]["recall"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bench", "--track", "variables", "--level", "edge"), "--level is an option of --track circuits"),
        (("bench", "--track", "variables", "--ablation", "zero"), "--ablation is an option of --track circuits"),
        (("score", "das", "--track", "variables", "--level", "node"), "--level is an option of --track circuits"),
        (("check", "das", "--track", "variables", "--level", "node"), "--level is an option of --track circuits"),
        (("methods", "--track", "variables", "--level", "node"), "--level is an option of --track circuits"),
        (("bench", "--track", "variable"), "unknown track 'variable'. Did you mean: variables?"),
        (("score", "das", "--track", "variables", "--fail-under", "auroc=1"), "unknown column 'auroc'"),
        (("score", "eap", "--track", "variables"), "unknown featurizer 'eap'"),
        (("bench", "--track", "variables", "--models", "reverse:opposit@m0"), "no variable 'opposit'. Did you mean"),
        (("bench", "--track", "variables", "--models", "reverse:opposite"), "'reverse:opposite' names no site: write"),
        (("check", "mine.py:diference", "--track", "variables"), "has no function 'diference'. Did you mean: diff"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (folder / "results").exists()


def test_a_cheat_does_not_pass_the_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "mine.py:difference", "--track", "variables")
    assert code == 0
    assert "keeps its contract" in out
    code, out, _ = run(capsys, "check", "mine.py:cheat", "--track", "variables", "--json")
    assert code == 1
    wrong = [promise["what"] for promise in json.loads(out)["promises"] if not promise["ok"]]
    assert wrong == ["keeps its law: an interchange swaps features and nothing else"]


def test_featurizers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "methods", "--track", "variables", "--json")
    listed = {method["name"]: method for method in json.loads(out)}
    assert code == 0
    assert listed["das"]["parameters"]["rank"] == 16
    assert listed["mdas"]["needs"] == ["isolation"]
    assert not listed["bijection-das"]["linear"]
    code, out, _ = run(capsys, "methods", "--track", "variables")
    assert code == 0
    assert "linear-probe  subspace · 1F of base and source · needs values" in out
