"""``groundtruth pitfalls``: a table that fits, JSON, and an exit code that says whether every pitfall still shows."""

import json

import pytest

from groundtruth import pitfalls as pitfalls
from groundtruth.cli import main
from groundtruth.pitfalls import dead_copy


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["pitfalls", *arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def test_some_pitfalls_as_a_table(run):
    code, out, _ = run("dead-copy", "no-op-pairs,error-channel")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:1].isalnum()] == [
        "pitfall", "dead-copy", "no-op-pairs", "error-channel", "3",
    ]  # fmt: skip
    assert max(map(len, out.splitlines())) <= 100
    assert "3 pitfalls shown" in out


def test_one_pitfall_in_full(run):
    code, out, _ = run("no-op-pairs")
    assert code == 0
    pitfall = pitfalls.get("no-op-pairs")
    words = " ".join(out.split())
    for text in (pitfall.description, pitfall.why, pitfall.instead, pitfall.source, "at least 0.65"):
        assert " ".join(text.split()) in words
    assert max(map(len, out.splitlines())) <= 100


def test_as_json(run):
    code, out, _ = run("no-op-pairs", "--seed", "3", "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert found["name"] == "no-op-pairs"
    assert found["shown"] is True
    assert found["seed"] == 3
    assert found["truth"][1] == {
        "what": "accuracy of the oracle, telling pairs", "value": 1.0, "at_least": 1.0, "at_most": None, "holds": True,
    }  # fmt: skip


def test_a_pitfall_that_no_longer_shows_is_an_exit_code(run, monkeypatch):
    monkeypatch.setattr(dead_copy, "DEAD", dead_copy.LIVE)
    code, out, _ = run("dead-copy", "no-op-pairs")
    assert code == 1
    assert "NOT SHOWN" in out
    assert "1 of 2 demonstrations no longer shows its pitfall: dead-copy" in out


def test_stories_are_written_to_a_folder(run, tmp_path):
    code, out, _ = run("no-op-pairs", "--explore", "--out", str(tmp_path / "told"))
    assert code == 0
    assert out.endswith(f"{tmp_path / 'told' / 'index.html'}  (pages written: 1; open it in a browser)\n")
    assert sorted(path.name for path in (tmp_path / "told").iterdir()) == ["index.html", "no-op-pairs.html"]


def test_a_folder_without_stories_to_write_is_refused(run, tmp_path):
    code, _, err = run("no-op-pairs", "--out", str(tmp_path))
    assert code == 2
    assert err == f"error: --out {tmp_path}: only stories are written to a folder. Add --explore.\n"


def test_an_unknown_pitfall(run):
    code, _, err = run("dead-cop")
    assert code == 2
    assert err.startswith("error: unknown pitfall 'dead-cop'. Did you mean: dead-copy")
