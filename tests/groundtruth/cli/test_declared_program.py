"""A program on the command line: of the library, of a file, or generated."""

from groundtruth.cli.declared_program import find_declared
from groundtruth.generated import from_seed


def test_a_code_stands_for_the_program_that_was_generated():
    drawn = from_seed(7)
    found = find_declared(f"gen:{drawn.code}")
    assert (found.name, found.domain.vocab) == (drawn.program.name, drawn.program.domain.vocab)
    inputs = [*found.domain.enumerate()][:20]
    assert [found.build()(tokens) for tokens in inputs] == [drawn.program.build()(tokens) for tokens in inputs]
