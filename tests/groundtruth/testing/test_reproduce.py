"""``groundtruth repro`` says what the failing test said, by an exit code too."""

import json

import pytest

from groundtruth.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["repro", *arguments])
    return int(left.value.code)


def test_a_failure_is_repeated(capsys):
    assert run("hist", "--method", "random") == 1
    told = capsys.readouterr().out
    assert "random misses a live edge on 'hist'" in told
    assert "repeat   groundtruth repro hist --method random --property recovers" in told


def test_what_holds_is_said(capsys):
    assert run("hist", "--method", "exact", "--property", "invariant:rotate", "--n-pairs", "8", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_bad_input_is_one_line(capsys):
    assert run("hist", "--method", "exact", "--property", "invariance") == 2
    assert "error: unknown property 'invariance'" in capsys.readouterr().err
    assert run("gen:1", "--method", "exact") == 2
    assert run("hist", "--method", "no_such_module:method") == 2
    assert "no module 'no_such_module' below" in capsys.readouterr().err


def test_a_featurizer_is_repeated(capsys):
    where = ("first_is_last", "--variable", "last", "--site", "resid_mid2", "--method")
    assert run(*where, "no-op") == 1
    told = capsys.readouterr().out
    assert "no-op misses a variable on 'first_is_last'" in told
    assert "--method no-op --variable last --site resid_mid2 \\\n" in told
    assert "--property finds\n" in told
    assert run(*where, "lda", "--property", "deterministic") == 0
    assert run("hist", "--method", "lda", "--variable", "hist") == 2
    assert "give both --variable and --site" in capsys.readouterr().err
    assert run(*where, "eap") == 2
    assert "unknown featurizer 'eap'" in capsys.readouterr().err
