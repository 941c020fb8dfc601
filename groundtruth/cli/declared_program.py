"""The program that a command line names, with the inputs that it declares."""

from groundtruth.errors import ProgramError
from groundtruth.programs import Program, find_program, get
from groundtruth.user_methods import is_file_spec


def find_declared(spec: str) -> Program:
    """A program of the library by name, or one that a file declares.

    Raises:
        ProgramError: If there is no such program, or it declares no inputs.
    """
    program = find_program(spec) if is_file_spec(spec) else get(spec)
    if not isinstance(program, Program):
        raise ProgramError(
            f"'{spec}' does not declare its inputs. Write @groundtruth.program(vocab=..., max_seq_len=...) above it."
        )
    return program
