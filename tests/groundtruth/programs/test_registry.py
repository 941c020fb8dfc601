import textwrap

import pytest
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.errors import ProgramError
from groundtruth.programs.registry import program


def write(path, body):
    header = "from tracr.rasp import rasp\nfrom groundtruth.programs import program\n\n"
    path.write_text(header + textwrap.dedent(body))
    return path


ONE_PROGRAM = """
    @program(vocab=(0, 1), max_seq_len=3)
    def flip():
        '''Each bit the other way.'''
        return rasp.Map(lambda bit: 1 - bit, rasp.tokens).named("flipped")
"""


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(ProgramError, match=r"unknown program 'revers'\. Did you mean: reverse, reverse_") as error:
        programs.get("revers")
    assert "`groundtruth programs` lists all" in str(error.value)


def test_names_can_be_listed_by_family():
    assert {"sort", "median"} <= set(programs.names(family="sorting")) < set(programs.names())
    with pytest.raises(ProgramError, match=r"unknown family 'sortin'\. Did you mean: sorting, .* Choose from sequence"):
        programs.names(family="sortin")


def test_every_program_has_one_line_a_source_and_an_oracle():
    for name in programs.names():
        declared = programs.get(name)
        assert declared.name == name and declared.source and declared.oracle is not None
        assert "\n" not in declared.description and 10 < len(declared.description) < 110
        assert f"def {declared.function.__name__}()" in declared.rasp_source
    descriptions = [programs.get(name).description for name in programs.names()]
    assert len(set(descriptions)) == len(descriptions)


def test_the_source_holds_the_helpers_before_the_program_and_no_decorator():
    source = programs.get("sort").rasp_source
    assert 0 < source.index("def _sorted") < source.index("def sort()")
    assert "@program" not in source and "def _rank" in source


def test_every_built_expression_but_the_primitives_has_a_name_of_its_own():
    from groundtruth.rasp.expressions import walk

    for name in programs.names():
        labels = [e.label for e in walk(programs.get(name).build())]
        assert len(set(labels)) == len(labels), name
        default = {"map", "sequence_map", "aggregate", "select", "selector_width", "linear_sequence_map"}
        assert not default & {label.rsplit("_", 1)[0] for label in labels}, name


def test_a_declared_program_takes_the_name_of_its_function_and_the_first_line_of_its_docstring():
    @program(vocab="ab", max_seq_len=2)
    def echo():
        """The same again.

        More words.
        """
        return rasp.Map(lambda token: token, rasp.tokens)

    assert programs.get("echo") is echo
    assert (echo.description, echo.family, echo.domain.vocab) == ("The same again", "custom", ("a", "b"))
    assert echo.build()(["a", "b"]) == ["a", "b"]
    assert programs.families()[-1] == "custom"


def test_a_taken_name_is_refused_but_the_same_file_may_be_loaded_again(tmp_path):
    path = write(tmp_path / "mine.py", ONE_PROGRAM)
    assert programs.load_program(f"{path}:flip").name == programs.load_program(str(path)).name == "flip"
    with pytest.raises(ProgramError, match=r"a program named 'hist' is registered already by .*counting\.py: choose"):

        @program("hist", vocab=(1,), max_seq_len=2)
        def other():
            """Another one."""
            return rasp.tokens


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"vocab": (1, "a"), "max_seq_len": 2}, "program 'bad': vocab mixes or holds types"),
        ({"vocab": ("compiler_bos",), "max_seq_len": 2}, "program 'bad': vocab contains 'compiler_bos'"),
        ({"vocab": (1, 2), "max_seq_len": 0}, "program 'bad': min_seq_len=1 and max_seq_len=0 leave no lengths"),
    ],
)
def test_inputs_that_make_no_domain_are_refused_where_they_are_declared(arguments, message):
    with pytest.raises(ProgramError, match=message):

        @program(**arguments)
        def bad():
            """Bad."""
            return rasp.tokens

    assert "bad" not in programs.names()


def test_a_program_without_docstring_or_with_arguments_is_refused():
    with pytest.raises(ProgramError, match="program 'silent' has no docstring"):

        @program(vocab=(1, 2), max_seq_len=2)
        def silent():
            return rasp.tokens

    with pytest.raises(ProgramError, match=r"program 'greedy' needs arguments \(n\); a program takes none"):

        @program(vocab=(1, 2), max_seq_len=2)
        def greedy(n):
            """Wants more."""
            return rasp.tokens


def test_a_program_that_builds_no_sop_or_fails_says_so_in_one_line():
    @program(vocab=(1, 2), max_seq_len=2)
    def number():
        """Not an S-Op."""
        return 3

    @program(vocab=(1, 2), max_seq_len=2)
    def broken():
        """Fails."""
        return rasp.tokens.no_such_thing

    with pytest.raises(ProgramError, match="program 'number' returns int; return the S-Op that it computes"):
        number.build()
    with pytest.raises(ProgramError, match="program 'broken' cannot be built: AttributeError: .*no_such_thing"):
        broken.build()


def test_a_program_is_loaded_from_a_file_anywhere(tmp_path, monkeypatch):
    write(tmp_path / "helper.py", "def negate(bit): return 1 - bit")
    path = write(tmp_path / "my file.py", "from helper import negate\n" + textwrap.dedent(ONE_PROGRAM))
    assert programs.load_program(f"{path}:flip").build()([0, 1]) == [1, 0]
    monkeypatch.chdir(tmp_path)
    loaded = programs.load_program("my file.py:flip")
    assert loaded.path == path and "rasp.Map(lambda bit" in loaded.rasp_source


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            "mine.py:flop",
            r"no program 'flop'\. Did you mean: flip\? It declares: flip, nothing\. It has: CONSTANT, plain\.$",
        ),
        ("mine.py:plain", r"'plain' in .*mine\.py is an undecorated function, not a program; decorate"),
        ("mine.py:CONSTANT", r"'CONSTANT' in .*mine\.py is of type int, not a program"),
        ("mine.py:nothing", r"program 'nothing' returns NoneType; return the S-Op"),
        ("mine.py", r"mine\.py declares 2 programs \(mine\.py:flip, mine\.py:nothing\); name one"),
        ("missing.py:flip", r"no file .*missing\.py\. Write my_file\.py:flip, from "),
        (
            "reverse",
            r"'reverse' names no program\. Write my_file\.py:my_program, or by module my_pkg\.my_mod:my_pro",
        ),
        ("broken.py:flip", r"broken\.py fails when it is imported: ZeroDivisionError: division by zero$"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(tmp_path, monkeypatch, spec, message):
    monkeypatch.chdir(tmp_path)
    others = """
    CONSTANT = 3

    def plain():
        return rasp.tokens

    @program(vocab=(0, 1), max_seq_len=3)
    def nothing():
        '''Returns nothing.'''
    """
    write(tmp_path / "mine.py", textwrap.dedent(ONE_PROGRAM) + textwrap.dedent(others))
    write(tmp_path / "broken.py", "1 / 0")
    with pytest.raises(ProgramError, match=message) as error:
        programs.load_program(spec)
    assert "\n" not in str(error.value)
