"""A generated program: its text, its name, which says what it is, and the code that draws it again."""

import hashlib
import linecache
import random
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType

from groundtruth.errors import ProgramError
from groundtruth.generated.bounds import LIMITS, Bounds
from groundtruth.generated.choices import Choices, code_of, replayed, seeded
from groundtruth.generated.grammar import Grown, Stuck, grow
from groundtruth.generated.layer_count import Layering
from groundtruth.programs import shorthand as words
from groundtruth.programs.registry import Program

FAMILY = "generated"
VERSION = "1"
"""First character of every code. Another version of the generator draws other programs from the same numbers."""

_ATTEMPTS = 4
_N_BOUNDS = 2 * len(LIMITS) + 1


@dataclass(frozen=True)
class Drawn:
    """A generated program. Two of one code are equal.

    Attributes:
        program: With its domain; ``groundtruth.compile`` takes it.
        code: Code that ``from_code`` draws it from.
        size: Its layers and heads.
        text: A Python file that declares it, for ``groundtruth compile FILE``.
    """

    program: Program = field(compare=False)
    code: str
    size: Layering
    text: str


def draw(choices: Choices, bounds: Bounds) -> Drawn:
    """Draw a program.

    Args:
        choices: Source of the decisions.
        bounds: Bounds on its size.

    Raises:
        Stuck: If no program within the bounds comes of these decisions.
    """
    grown = _grown(choices, bounds)
    code = VERSION + bounds.code + code_of(choices.drawn)
    body = "".join(f"    {line}\n" for line in (*grown.lines, f"return {grown.output}"))
    name = f"g{_digest(grown, body)}"
    function = f'def {name}():\n    """Generated program {code}."""\n{body}'
    return Drawn(_program(name, code, function, grown), code, grown.size, _file(name, function, grown))


def from_seed(seed: int, bounds: Bounds | None = None) -> Drawn:
    """The program of a seed, the same on every machine.

    Raises:
        Stuck: If no program within the bounds comes of it; try another seed.
    """
    return draw(seeded(random.Random(seed)), bounds or Bounds())


def from_code(code: str) -> Drawn:
    """The program of a code, as ``Drawn.code`` and failing tests have it.

    Raises:
        ProgramError: If it is no code, or one of another version of the generator.
    """
    if not code.startswith(VERSION):
        raise ProgramError(f"'{code}' is no code of a generated program of this version; such codes begin with 1.")
    bounds = Bounds.parse(code[1 : 1 + _N_BOUNDS])
    try:
        return draw(replayed(code[1 + _N_BOUNDS :]), bounds)
    except Stuck as error:
        raise ProgramError(f"no program comes of the code '{code}': {error}. Is it complete?") from error


def _grown(choices: Choices, bounds: Bounds) -> Grown:
    """Grow a program; where one gets stuck the next decisions make another."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(Stuck):
            return grow(choices, bounds)
    return grow(choices, bounds)


def _digest(grown: Grown, body: str) -> str:
    return hashlib.sha256(f"{grown.domain}\n{grown.causal}\n{body}".encode()).hexdigest()[:8]


def _program(name: str, code: str, function: str, grown: Grown) -> Program:
    """The text, run: what is shown is what is compiled."""
    file = f"<generated program {code}>"
    # None for the time: a file that is on no disk and never changes, so that inspect and tracebacks find its lines.
    linecache.cache[file] = (len(function), None, function.splitlines(keepends=True), file)
    namespace = {word: getattr(words, word) for word in words.__all__}
    exec(compile(function, file, "exec"), namespace)
    build = namespace[name]
    assert isinstance(build, FunctionType)  # noqa: S101 - the text defines it
    return Program(
        name=name,
        description=f"Generated program {code}",
        family=FAMILY,
        domain=grown.domain,
        causal=grown.causal,
        pad_safe=False,
        source=f"groundtruth.generated.from_code('{code}')",
        oracle=None,
        function=build,
    )


def _file(name: str, function: str, grown: Grown) -> str:
    imported = ", ".join(word for word in words.__all__ if f"{word}" in function)
    domain = grown.domain
    arguments = f"vocab={domain.vocab!r}, max_seq_len={domain.max_seq_len}, causal={grown.causal}"
    return (
        "from groundtruth.programs import program\n"
        f"from groundtruth.programs.shorthand import {imported}\n\n\n"
        f'@program("{name}", {arguments})\n{function}'
    )
