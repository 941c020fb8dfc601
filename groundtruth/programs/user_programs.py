"""Programs in files of one's own: declared ones, and S-Ops, functions and classes as their authors wrote them."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracr.rasp import rasp

from groundtruth.errors import ProgramError
from groundtruth.guarded_run import guard_process
from groundtruth.programs.registry import PROGRAMS, Program, RefusedProgram, keep_refused
from groundtruth.user_sources import load_user_file
from mib.user_files import split_spec


@dataclass(frozen=True)
class UndeclaredProgram:
    """A program that its file does not declare as one.

    Attributes:
        name: Its name in its file.
        sop: The program.
        vocab: Its tokens, if its class says so.
        max_seq_len: Its longest input, if its class says so.
    """

    name: str
    sop: rasp.SOp
    vocab: tuple[Any, ...] | None = None
    max_seq_len: int | None = None


def load_program(spec: str) -> Program:
    """The program ``my_file.py:my_program``, from a file anywhere, or ``my_pkg.my_mod:my_program``; the file is run.

    Args:
        spec: Path of a Python file or name of a module, a colon, and the name of a decorated function in it. After a
            path the name can be left out if the file declares one program.

    Raises:
        ProgramError: If the file or the program does not exist, or what is there is no declared program.
    """
    found, attribute, path = _member(spec)
    if not isinstance(found, Program):
        raise ProgramError(
            f"'{attribute}' in {path} is {_kind(found)}, not a program; decorate the function that builds it with "
            "@program(vocab=..., max_seq_len=...) from groundtruth.programs, or name its inputs: "
            f"groundtruth compile {path}:{attribute} --vocab ... --length ..."
        )
    return _built(found)


def find_program(spec: str) -> Program | UndeclaredProgram:
    """What a file holds under a name, if a program can be made of it; the file is run.

    Args:
        spec: Path of a Python file or name of a module, a colon, and the name of a declared program, an S-Op, a
            function that makes one from no arguments (its parameters may have defaults), or a class with
            ``get_program`` (and, if it says so, ``get_vocab`` and ``get_max_seq_len``).

    Raises:
        ProgramError: If the file does not exist or fails, or what is there makes no S-Op.
    """
    found, attribute, path = _member(spec)
    where = f"'{attribute}' in {path}"
    if isinstance(found, Program):
        return _built(found)
    if isinstance(found, rasp.SOp):
        return UndeclaredProgram(attribute, found)
    if inspect.isclass(found):
        found = _called(found, where)
    if callable(getattr(found, "get_program", None)):
        vocab, length = (_answer(found, name, where) for name in ("get_vocab", "get_max_seq_len"))
        sop = _sop(_called(found.get_program, f"get_program of {where}"), f"get_program of {where}")
        return UndeclaredProgram(attribute, sop, None if vocab is None else tuple(vocab), length)
    if not callable(found):
        raise ProgramError(f"{where} is {_kind(found)}; name an S-Op, or a function or a class that makes one.")
    return UndeclaredProgram(attribute, _sop(_called(found, where), where))


def _member(spec: str) -> tuple[Any, str, str]:
    """What a file holds under a name, that name and the file."""
    path, name = split_spec(spec, kind=PROGRAMS.kind, error=ProgramError)
    with keep_refused():
        found, name = PROGRAMS.find_in(load_user_file(path, error=ProgramError).module, name, path)
    if isinstance(found, RefusedProgram):
        raise found.error
    return found, name, spec.removesuffix(f":{name}")


def _built(found: Program) -> Program:
    """A declared program that can be built."""
    with guard_process(restore=False):
        found.build()
    return found


def _called(make: Callable[[], Any], where: str) -> Any:
    """What a function or a class of a user's makes from no arguments."""
    try:
        parameters: Sequence[inspect.Parameter] = tuple(inspect.signature(make).parameters.values())
    except ValueError:  # a built-in without a signature
        parameters = ()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in variadic]
    if required:
        raise ProgramError(
            f"{where} needs arguments ({', '.join(required)}). Give them defaults, or add to the file a variable that "
            f"holds what it makes, such as my_program = {getattr(make, '__name__', 'make')}(...), and name that."
        )
    try:
        with guard_process(restore=False):
            return make()
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise ProgramError(f"{where} fails when it is called: {type(error).__name__}: {error}") from error


def _answer(found: Any, name: str, where: str) -> Any:
    method = getattr(found, name, None)
    return _called(method, f"{name} of {where}") if callable(method) else None


def _sop(made: Any, where: str) -> rasp.SOp:
    if not isinstance(made, rasp.SOp):
        raise ProgramError(f"{where} makes {_kind(made)}; it has to make an S-Op (tracr.rasp.rasp.SOp).")
    return made


def _kind(value: object) -> str:
    if isinstance(value, rasp.SOp):
        return "an S-Op"
    return "an undecorated function" if inspect.isfunction(value) else f"of type {type(value).__name__}"
