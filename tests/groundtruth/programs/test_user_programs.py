"""Programs are found in files as their authors wrote them, and one bad declaration does not block the others."""

import pytest
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.errors import ProgramError
from groundtruth.programs import Program, UndeclaredProgram, find_program, load_program
from groundtruth.programs.registry import PROGRAMS

THEIRS = '''
from tracr.rasp import rasp
from groundtruth.programs import program

def peak():
    return rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ))

def above(n=2, *rest, **options):
    return rasp.Map(lambda x: x > n, rasp.tokens)

def needs(n):
    return rasp.tokens

def fails():
    return [][0]

def selector():
    return rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)

plus = rasp.Map(lambda x: x + 1, rasp.tokens).named("plus_one")
VALUE = 3

class Case0:
    def get_program(self):
        return peak()

    def get_vocab(self):
        return {"a", "b"}

    def get_max_seq_len(self):
        return 3

class Bare:
    def get_program(self):
        return peak()

class Nothing:
    pass

@program(vocab=(1, 2), max_seq_len=3)
def hist():
    """A name that the library has."""
    return peak()

@program(vocab=(1, 2), max_seq_len=3)
def silent():
    return peak()

@program(vocab=(1, 2), max_seq_len=3)
def fine_here():
    """One that is well declared."""
    return peak()
'''


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs.py"
    path.write_text(THEIRS)
    yield path
    PROGRAMS._entries.pop("fine_here", None)


@pytest.mark.parametrize(
    "name, tokens, output, vocab, length",
    [
        ("peak", (2, 2, 1), [2, 2, 1], None, None),
        ("above", (3, 1), [True, False], None, None),
        ("plus", (1, 5), [2, 6], None, None),
        ("Case0", "aab", [2, 2, 1], {"a", "b"}, 3),
        ("Bare", "aab", [2, 2, 1], None, None),
    ],
)
def test_makers_s_ops_and_classes_are_programs_as_they_are(theirs, name, tokens, output, vocab, length):
    found = find_program(f"{theirs}:{name}")
    assert isinstance(found, UndeclaredProgram) and found.name == name
    assert list(rasp.evaluate(found.sop, tokens)) == output
    assert (found.vocab and set(found.vocab), found.max_seq_len) == (vocab, length)


@pytest.mark.parametrize(
    "name, said",
    [
        ("needs", r"'needs' in .*theirs\.py needs arguments \(n\)\. Give them defaults, or add to the file a variable"),
        ("fails", "'fails' in .* fails when it is called: IndexError: list index out of range"),
        ("selector", r"'selector' in .* makes of type Select; it has to make an S-Op"),
        ("VALUE", "'VALUE' in .* is of type int; name an S-Op, or a function or a class that makes one"),
        ("Nothing", "'Nothing' in .* is of type Nothing; name an S-Op"),
        ("peek", "has no program 'peek'.* It declares: fine_here"),
        ("hist", "a program named 'hist' is registered already by .*counting.py"),
        ("silent", "program 'silent' has no docstring"),
    ],
)
def test_what_makes_no_program_is_refused_in_words(theirs, name, said):
    with pytest.raises(ProgramError, match=said):
        find_program(f"{theirs}:{name}")


def test_bad_declarations_do_not_block_the_good_one(theirs):
    for spec in (f"{theirs}:fine_here", str(theirs)):
        found = find_program(spec)
        assert isinstance(found, Program) and found.name == "fine_here" == load_program(spec).name
    assert programs.get("hist").path.name == "counting.py"


def test_what_is_undeclared_is_refused_where_nothing_says_for_which_inputs(theirs):
    with pytest.raises(
        ProgramError, match="'peak' in .* is an undecorated function, not a program; decorate .*--vocab"
    ):
        load_program(f"{theirs}:peak")
