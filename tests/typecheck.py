"""The type checks that tests run under: jaxtyping's import hook, held to the functions that state shapes."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Self

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as in PEP 484
_SHAPE = re.compile(r"jaxtyping\.|\b(Bool|Float|Int|Num|Shaped)\[")
_jaxtyped: Any = jaxtyping.jaxtyped


def check_shapes_in(modules: Iterable[str]) -> None:
    """Check shapes, argument by argument, in modules that are yet to be imported.

    jaxtyping's hook wraps every function, also those that state no shape: half the time of the tests would go there.
    """
    jaxtyping.jaxtyped = _only_where_shapes_are_stated
    jaxtyping.install_import_hook(list(modules), None)


def _only_where_shapes_are_stated(target: Any = None, **rest: Any) -> Any:
    """Stand in for the decorator that the hook writes above functions and classes."""
    if target is None:
        return functools.partial(_only_where_shapes_are_stated, **rest)
    if dataclasses.is_dataclass(target) and inspect.isclass(target):
        target.__init__ = _checked(target.__init__)
        return target
    if isinstance(target, (classmethod, staticmethod)):
        return type(target)(_checked(target.__func__))
    if isinstance(target, property):
        return target.getter(_checked(target.fget))
    return _checked(target) if inspect.isfunction(target) else target


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the checks, unless no shape is stated: other arguments are answered by the functions themselves."""
    stated = getattr(function, "__annotations__", {})
    if not _SHAPE.search(str(list(stated.values()))):
        return function
    try:
        function.__annotations__ = {name: kind for name, kind in stated.items() if kind is not Self}  # not for methods
        return _jaxtyped(_beartype(function), typechecker=None)
    except BeartypeDecorHintException:  # types that nobody can check at run time, such as protocols
        return function
    finally:
        function.__annotations__ = stated
