"""The text of a program: the function that builds it, after the helpers of its own module that it calls."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType


def source_of(function: Callable[[], object]) -> str:
    """The source of a function without its decorators, helpers first; empty where there is no file to read.

    Args:
        function: Function that builds a program.
    """
    found: dict[FunctionType, str] = {}
    if isinstance(function, FunctionType):
        _collect(function, found)
    return "\n\n".join(found.values())


def _collect(function: FunctionType, found: dict[FunctionType, str]) -> None:
    if function in found:
        return
    for helper in _helpers(function):
        _collect(helper, found)
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return
    start = re.search(r"^def ", text, re.MULTILINE)
    found[function] = (text[start.start() :] if start else text).rstrip() + "\n"


def _helpers(function: FunctionType) -> Iterator[FunctionType]:
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType) and value.__module__ == function.__module__ and value is not function:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    """Global names that a function reads, those of its lambdas and inner functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
