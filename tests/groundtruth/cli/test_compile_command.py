"""`groundtruth compile` on files as their authors wrote them, with the inputs as options."""

from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.cli.compile_options import compile_as_given
from groundtruth.compiled.network import Check
from groundtruth.errors import DomainError, ProgramError

FILE = """
from tracr.rasp import rasp

def peak():
    return rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ))

class Case0:
    def get_program(self):
        return peak()

    def get_vocab(self):
        return {"a", "b"}
"""


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text(FILE)
    (tmp_path / "in.txt").write_text("1 3 3\n3,1  # two of them\n\n")
    (tmp_path / "none.txt").write_text("# nothing\n")

    def run(spec, **given):

        options = dict.fromkeys(("vocab", "length", "causal", "inputs", "check_limit")) | given
        if options["inputs"]:
            options["inputs"] = Path(options["inputs"])
        return compile_as_given(spec, **options)

    return run


@pytest.mark.parametrize(
    "spec, given, vocab, lengths, checked",
    [
        ("p.py:peak", {"vocab": "1,2 3", "length": "3"}, (1, 2, 3), range(1, 4), 39),
        ("p.py:peak", {"vocab": "a b 1", "length": "2-3"}, ("1", "a", "b"), range(2, 4), 36),
        ("p.py:peak", {"vocab": "0.5 2", "length": "2"}, (0.5, 2.0), range(1, 3), 6),
        ("p.py:peak", {"vocab": "True False", "length": "2"}, (False, True), range(1, 3), 6),
        ("p.py:peak", {"inputs": "in.txt"}, (1, 3), range(2, 4), 2),
        ("p.py:Case0", {"length": "2"}, ("a", "b"), range(1, 3), 6),
        ("hist", {"length": "2"}, (1, 2, 3), range(1, 3), 12),
        ("hist", {}, (1, 2, 3), range(1, 6), 363),
    ],
)
def test_the_inputs_are_those_that_were_asked_for(compiled, spec, given, vocab, lengths, checked):
    model = compiled(spec, **given)
    assert (model.domain.vocab, model.domain.lengths) == (vocab, lengths)
    assert model.check == Check(checked, exhaustive=True)


def test_attention_sees_the_past_alone_where_that_is_asked_for_and_checks_are_as_many(compiled):
    model = compiled("p.py:peak", vocab="1 2", length="5", causal=True, check_limit=20)
    assert model.causal and model.run((1, 1, 1)) == [1, 2, 3]
    assert model.check == Check(20, exhaustive=False)


@pytest.mark.parametrize(
    "spec, given, error, said",
    [
        ("p.py:peak", {}, ProgramError, "'p.py:peak' does not say on which .* give --vocab and --length, such as"),
        ("p.py:Case0", {}, ProgramError, "give --length, such as"),
        ("p.py:peak", {"vocab": "1", "length": "five"}, DomainError, "--length 'five' is no length. Write the longest"),
        ("p.py:peak", {"inputs": "nowhere.txt"}, DomainError, "--inputs nowhere.txt cannot be read"),
        ("p.py:peak", {"inputs": "none.txt"}, DomainError, "--inputs none.txt holds no input. Write one a line"),
        ("p.py:Case0", {"inputs": "in.txt"}, DomainError, "inputs holds the token '1', which is not in vocab a b"),
    ],
)
def test_options_that_make_no_inputs_are_refused(compiled, spec, given, error, said):
    with pytest.raises(error, match=said):
        compiled(spec, **given)


def test_the_command_prints_what_was_checked(compiled, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["compile", "p.py:peak", "--vocab", "1,2", "--length", "3", "--causal"])
    assert stopped.value.code == 0
    assert "equal to its program on all 14 inputs" in capsys.readouterr().out
