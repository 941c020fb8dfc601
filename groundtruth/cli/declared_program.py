"""The program that a command line names, with the inputs that it declares."""

from groundtruth.errors import ProgramError
from groundtruth.generated import from_code
from groundtruth.programs import Program, find_program, get
from groundtruth.user_sources import GENERATED, is_own_spec


def find_declared(spec: str) -> Program:
    """A program of the library by name, one that a file declares, or a generated one as ``gen:CODE``.

    Raises:
        ProgramError: If there is no such program, or it declares no inputs.
    """
    if spec.startswith(GENERATED):
        return from_code(spec.removeprefix(GENERATED)).program
    program = find_program(spec) if is_own_spec(spec) else get(spec)
    if not isinstance(program, Program):
        raise ProgramError(
            f"'{spec}' does not declare its inputs. Write @groundtruth.program(vocab=..., max_seq_len=...) above it."
        )
    return program
