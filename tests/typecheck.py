"""The type checks that tests run under: jaxtyping's import hook, held to the functions that state shapes."""

import dataclasses
import functools
import inspect
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as in PEP 484
_SHAPE = re.compile(r"jaxtyping\.|\b(?:Bool|Float|Int|Num|Shaped)\[")
_ALIAS = re.compile(rf"^(\w+)(?:: TypeAlias)? = .*(?:{_SHAPE.pattern})", re.MULTILINE)
"""A name for a shape, which other modules may import."""

_jaxtyped: Any = jaxtyping.jaxtyped


def check_shapes_in(modules: Mapping[str, Path]) -> None:
    """Check shapes, argument by argument, in modules that are yet to be imported.

    jaxtyping's hook wraps every function, also those that state no shape: half the time of the tests would go there.
    It rewrites every module that it is told of, so that it is told only of those that state shapes.

    Args:
        modules: Their files, by name.
    """
    texts = {name: path.read_text() for name, path in modules.items()}
    aliases = {alias for text in texts.values() if "jaxtyping" in text for alias in _ALIAS.findall(text)}
    states_shapes = re.compile(rf"\b(jaxtyping|{'|'.join(sorted(aliases))})\b")
    jaxtyping.jaxtyped = _only_where_shapes_are_stated
    jaxtyping.install_import_hook([name for name, text in texts.items() if states_shapes.search(text)], None)


def _only_where_shapes_are_stated(target: Any = None, **rest: Any) -> Any:
    """Stand in for the decorator that the hook writes above functions and classes."""
    if target is None:
        return functools.partial(_only_where_shapes_are_stated, **rest)
    if dataclasses.is_dataclass(target) and inspect.isclass(target):
        target.__init__ = check_shapes(target.__init__)
        return target
    if isinstance(target, (classmethod, staticmethod)):
        return type(target)(check_shapes(target.__func__))
    if isinstance(target, property):
        return target.getter(check_shapes(target.fget))
    return check_shapes(target) if inspect.isfunction(target) else target


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the checks, unless no shape is stated: other arguments are answered by the functions themselves."""
    stated = getattr(function, "__annotations__", {})
    if not _SHAPE.search(str(list(stated.values()))):
        return function
    try:
        function.__annotations__ = {name: kind for name, kind in stated.items() if kind is not Self}  # not for methods
        return _once_a_shape(function)
    except BeartypeDecorHintException:  # types that nobody can check at run time, such as protocols
        return function
    finally:
        function.__annotations__ = stated


def _once_a_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a call unless one with arguments and result of the same types and shapes was right before.

    A training loop calls a function a thousand times with the same shapes; each check takes longer than most calls.
    """
    results: list[Any] = []
    stated = function.__annotations__

    def check_of(annotations: dict[str, Any]) -> Callable[..., None]:
        @functools.wraps(function)
        def replay(*args: Any, **kwargs: Any) -> Any:
            return results.pop()

        replay.__annotations__ = annotations
        return _keep_random_state(_jaxtyped(_beartype(replay), typechecker=None))

    check_arguments = check_of({name: kind for name, kind in stated.items() if name != "return"})
    check_all = check_of(stated)
    known = dict[Any, set[Any]]()  # the forms of results that were right, by those of the arguments

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = (_form(args), _form(kwargs)) if kwargs else _form(args)
        right = known.get(given)
        if right is None:
            results.append(None)
            check_arguments(*args, **kwargs)
            right = known[given] = set()
        result = function(*args, **kwargs)
        if (outcome := _form(result)) not in right:
            results.append(result)
            check_all(*args, **kwargs)
            right.add(outcome)
        return result

    return checked


def _keep_random_state(check: Callable[..., Any]) -> Callable[..., None]:
    """Run a check without a trace: beartype draws the item of a list that it looks at, and Hypothesis forbids that."""

    def run(*args: Any, **kwargs: Any) -> None:
        state = random.getstate()
        try:
            check(*args, **kwargs)
        finally:
            random.setstate(state)

    return run


def _form(value: Any) -> Any:
    """Return all of a value that a check can depend on, as something to look up."""
    kind = type(value)
    try:
        form = _FORMS[kind]  # the tests ask this ten million times: what to look at is decided once a type
    except KeyError:
        form = _FORMS[kind] = _form_of_array if hasattr(value, "shape") and hasattr(value, "dtype") else None
    return kind if form is None else form(value)


def _form_of_array(value: Any) -> Any:
    return type(value), value.dtype, value.shape


_FORMS: dict[type, Callable[[Any], Any] | None] = {
    tuple: lambda value: (tuple, *map(_form, value)),
    list: lambda value: (list, *map(_form, value)),
    dict: lambda value: (dict, *((key, _form(item)) for key, item in value.items())),
    str: lambda value: value,  # it may be one of a few that are allowed
    type(None): None,
}
