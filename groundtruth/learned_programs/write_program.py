"""A learned program as a Python file that declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from groundtruth.learned_programs.categorical_program import Head, Step, Table
from groundtruth.learned_programs.program_search import LearnedProgram

_WIDTH = 116
"""Characters of a line of a table, at most."""


def program_text(learned: LearnedProgram, *, command: str) -> str:
    """The text of a file that declares a learned program, with every table in it.

    Args:
        learned: The program.
        command: The command that learns it again.
    """
    return "\n".join(_lines(learned, command)) + "\n"


def learned_name(learned: LearnedProgram) -> str:
    """Return what the program is called, such as ``learned_hist``."""
    return f"learned_{learned.task.name}"


def _lines(learned: LearnedProgram, command: str) -> Iterator[str]:
    steps, domain = learned.program.steps, learned.program.domain
    yield f'"""A program for `{learned.task.name}` that was learned by gradient descent, and equals it on {domain}.'
    yield ""
    yield f"Learned again by: {command}"
    yield '"""'
    yield ""
    yield "import groundtruth"
    used = {word for step in steps for word in _primitives(step)}
    read = {name for step in steps for name in step.reads} & {"tokens", "indices"}
    yield f"from groundtruth.programs.shorthand import {', '.join(['SOp', *sorted(used | read)])}"
    for step in steps:
        yield ""
        yield from _table_lines(step)
    yield ""
    yield ""
    yield "@groundtruth.program("
    yield f'    "{learned_name(learned)}",'
    yield f"    vocab={domain.vocab!r},".replace("'", '"')
    yield f"    min_seq_len={domain.min_seq_len},"
    yield f"    max_seq_len={domain.max_seq_len},"
    yield '    family="learned",'
    yield '    source="learned, after Friedman et al. 2023, arXiv 2306.01128",'
    yield ")"
    yield f"def {learned_name(learned)}() -> SOp:"
    yield f'    """{learned.task.description}, as gradient descent found it."""'
    for step in steps:
        yield from (f"    {statement}" for statement in _statements(step))
    yield f"    return {steps[-1].name}"


def _primitives(step: Step) -> tuple[str, ...]:
    if isinstance(step, Head):
        return "select", "count" if step.values is None else "aggregate"
    return ("apply",) if step.first == step.second else ("combine",)


def _table_lines(step: Step) -> Iterator[str]:
    """A table as a constant, above it what it says."""
    if isinstance(step, Head):
        yield f"# The keys ({step.keys}) that each query ({step.queries}) attends to."
        yield from _constant(step.name, step.matches)
    elif step.first == step.second:
        yield f"# By {step.first}."
        yield from _constant(step.name, {first: value for (first, _), value in step.entries.items()})
    else:
        yield f"# By {step.first} and {step.second}."
        yield from _constant(step.name, step.entries)


def _constant(name: str, table: Mapping[Any, Any]) -> Iterator[str]:
    entries = [f"{_spelt(key)}: {_spelt(value)}" for key, value in table.items()]
    whole = f"{name.upper()} = {{{', '.join(entries)}}}"
    if len(whole) <= _WIDTH:
        yield whole
    else:
        yield f"{name.upper()} = {{"
        yield from (f"    {entry}," for entry in entries)
        yield "}"


def _spelt(value: Any) -> str:
    return re.sub(r"'([^'\"]*)'", r'"\1"', repr(value))


def _statements(step: Step) -> Iterator[str]:
    """Python that makes a variable."""
    table = step.name.upper()
    match step:
        case Head():
            matches, name = f"lambda key, query: key in {table}[query]", f"{step.name}_match"
            yield f'{name} = select("{name}", {step.keys}, {step.queries}, {matches})'
            copied = "" if step.values is None else f", {step.values}"
            yield f'{step.name} = {_primitives(step)[1]}("{step.name}", {name}{copied})'
        case Table() if step.first == step.second:
            yield f'{step.name} = apply("{step.name}", lambda value: {table}[value], {step.first})'
        case Table():
            function = f"lambda one, other: {table}[one, other]"
            yield f'{step.name} = combine("{step.name}", {function}, {step.first}, {step.second})'
