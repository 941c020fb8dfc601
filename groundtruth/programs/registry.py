"""The registry of programs: one decorator, checked when a program is declared, and lookup by name."""

import contextlib
import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain, Token, Tokens
from groundtruth.errors import DomainError, ProgramError
from groundtruth.programs.source_text import source_of
from groundtruth.rasp.expressions import canonical
from mib.errors import did_you_mean
from mib.registry import Registry

Oracle: TypeAlias = Callable[[Any], Sequence[Any]]

FAMILIES = ("sequence", "counting", "sorting", "brackets", "logic", "arithmetic", "text", "prediction")
"""The families of the library, in the order in which they are listed; programs of one's own are ``custom``."""


@dataclass(frozen=True)
class Program:
    """A RASP program with its declared inputs.

    Attributes:
        name: Its name in the registry and on the command line.
        description: One line, from the docstring of its function.
        family: Its subject, such as ``sorting``.
        domain: The inputs on which it must be right.
        causal: Whether it is meant for causal attention.
        pad_safe: Whether padding on the right changes no output at the positions of the input.
        source: Origin of the algorithm, in words.
        oracle: Its function in plain Python, independent of RASP; ``None`` if none is given.
        function: The function that builds it.
    """

    name: str
    description: str
    family: str
    domain: Domain
    causal: bool
    pad_safe: bool
    source: str
    oracle: Oracle | None = field(repr=False)
    function: Callable[[], object] = field(repr=False)

    def build(self) -> rasp.SOp:
        """A fresh expression graph whose labels depend on nothing but this program.

        Raises:
            ProgramError: If the function fails or returns something else than an S-Op.
        """
        try:
            sop = self.function()
        except (Exception, SystemExit) as error:
            raise ProgramError(f"program '{self.name}' cannot be built: {type(error).__name__}: {error}") from error
        if not isinstance(sop, rasp.SOp):
            raise ProgramError(
                f"program '{self.name}' returns {type(sop).__name__}; return the S-Op that it computes "
                "(tracr.rasp.rasp.SOp)."
            )
        return canonical(sop)

    @property
    def rasp_source(self) -> str:
        """The text of the function and of the helpers that it calls, without decorators."""
        return source_of(self.function)

    @property
    def path(self) -> Path:
        """The file that declares it."""
        return Path(inspect.getsourcefile(self.function) or "?")

    def __str__(self) -> str:
        return f"{self.name}: {self.description} ({self.family}; {self.domain})"


PROGRAMS: Registry[Program] = Registry(
    "program",
    error=ProgramError,
    plugins="groundtruth.programs",
    hint=lambda names: f"`groundtruth programs` lists all {len(names)}.",
)
"""All programs; a package adds its own by naming a module in the entry-point group ``groundtruth.programs``."""

get = PROGRAMS.get

_keep_refused: ContextVar[bool] = ContextVar("keep_refused", default=False)


@dataclass(frozen=True)
class RefusedProgram:
    """What stands in a file where a program was declared that is none, so that the others of the file can be used.

    Attributes:
        name: The name that it was to have.
        error: Why it is none.
    """

    name: str
    error: ProgramError


@contextlib.contextmanager
def keep_refused() -> Generator[None]:
    """Let a declaration that fails leave a `RefusedProgram` and no error."""
    token = _keep_refused.set(True)
    try:
        yield
    finally:
        _keep_refused.reset(token)


def program(
    name: str | None = None,
    *,
    vocab: Iterable[Token] | None = None,
    max_seq_len: int | None = None,
    min_seq_len: int = 1,
    family: str = "custom",
    causal: bool = False,
    valid: Callable[[Tokens], bool] | None = None,
    inputs: Iterable[Sequence[Token]] | None = None,
    inputs_text: str = "",
    pad_safe: bool = False,
    source: str = "",
    oracle: Oracle | None = None,
) -> Callable[[Callable[[], rasp.SOp]], Program]:
    """Declare a function without arguments that returns an S-Op as a program.

    Args:
        name: Unique name; by default that of the function.
        vocab: The tokens: all numbers, all strings, all booleans or all tuples of these.
        max_seq_len: Length of the longest input, without BOS.
        min_seq_len: Length of the shortest input.
        family: Subject of the program.
        causal: True if attention sees only the past.
        valid: Rule that says which sequences of tokens are inputs; its docstring says so in words.
        inputs: The inputs themselves, in the place of lengths and rule; ``vocab`` may add tokens.
        inputs_text: Description of these inputs.
        pad_safe: Claim that padding on the right changes nothing; the tests of the library prove theirs.
        source: Origin of the algorithm.
        oracle: The same function in plain Python.

    Returns:
        A decorator that turns the function into a `Program` and registers it.

    Raises:
        ProgramError: For a missing docstring, required arguments, a name that is taken, or inputs that make no
            domain.
    """

    def declare(function: Callable[[], rasp.SOp]) -> Program:
        label = name or function.__name__
        _check_arguments(function, label)
        return Program(
            name=label,
            description=(inspect.getdoc(function) or "").partition("\n")[0].rstrip("."),
            family=family,
            domain=_declared_domain(label, vocab, (min_seq_len, max_seq_len), valid, inputs, inputs_text),
            causal=causal,
            pad_safe=pad_safe,
            source=source,
            oracle=oracle,
            function=function,
        )

    return _register_or_keep(PROGRAMS.register(declare, name=name), name)


def unlisted(
    function: Callable[[], rasp.SOp],
    vocab: tuple[Token, ...],
    length: int,
    *,
    family: str,
    oracle: Oracle,
    causal: bool = False,
    source: str = "own",
) -> Program:
    """Make a program that is no part of the library, of inputs of one length; its whole docstring describes it.

    Args:
        function: Function that builds it.
        vocab: The tokens.
        length: Length of every input, without BOS.
        family: Subject of the program.
        oracle: The same function in plain Python.
        causal: True if attention sees only the past.
        source: Origin of the algorithm.
    """
    return Program(
        name=function.__name__,
        description=" ".join((inspect.getdoc(function) or "").split()).rstrip("."),
        family=family,
        domain=Domain(vocab, length, min_seq_len=length),
        causal=causal,
        pad_safe=False,
        source=source,
        oracle=oracle,
        function=function,
    )


def _declared_domain(
    label: str,
    vocab: Iterable[Token] | None,
    lengths: tuple[int, int | None],
    valid: Callable[[Tokens], bool] | None,
    inputs: Iterable[Sequence[Token]] | None,
    inputs_text: str,
) -> Domain:
    """The inputs that a declaration names, by rule or one by one."""
    shortest, longest = lengths
    try:
        if inputs is not None:
            return Domain.of(inputs, vocab=vocab, text=inputs_text)
        if vocab is None or longest is None:
            raise ProgramError(f"program '{label}' needs vocab= and max_seq_len=, or inputs=.")
        return Domain(tuple(vocab), longest, min_seq_len=shortest, valid=valid)
    except DomainError as error:
        raise ProgramError(f"program '{label}': {error}") from error


def _register_or_keep(
    register: Callable[[Callable[[], rasp.SOp]], Program], name: str | None
) -> Callable[[Callable[[], rasp.SOp]], Program]:
    """Register, and let a declaration that fails stand as refused where the rest of its file is wanted."""

    def decorate(function: Callable[[], rasp.SOp]) -> Program:
        try:
            return register(function)
        except ProgramError as error:
            if not _keep_refused.get():
                raise
            return cast(Program, RefusedProgram(name or function.__name__, error))

    return decorate


def names(*, family: str | None = None) -> list[str]:
    """The names of all programs, or of one family, sorted.

    Raises:
        ProgramError: If no program is of that family.
    """
    found = sorted(label for label, declared in PROGRAMS.entries().items() if family in (None, declared.family))
    if not found and family is not None:
        hint = did_you_mean(family, families())
        raise ProgramError(f"unknown family '{family}'.{hint} Choose from {', '.join(families())}.")
    return found


def families() -> list[str]:
    """The families that have programs: the library's in their order, then others by name."""
    present = {declared.family for declared in PROGRAMS.entries().values()}
    return [family for family in FAMILIES if family in present] + sorted(present - set(FAMILIES))


def _check_arguments(function: Callable[[], object], label: str) -> None:
    required = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    if required:
        raise ProgramError(f"program '{label}' needs arguments ({', '.join(required)}); a program takes none.")
