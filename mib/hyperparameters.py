"""What values a method's hyper-parameters may have: stated once, in its signature, and checked before it runs.

``def eap_ig_inputs(task, *, steps: Count = 5)`` is all that a method says. A plain ``int``, ``float``, ``bool`` or
``str``, a ``Literal[...]``, and tuples and sequences of them, are checked too, by type alone. What has no such
annotation is not checked.
"""

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from mib.errors import MethodError, did_you_mean


@dataclass(frozen=True)
class Within:
    """Bounds of a number.

    Attributes:
        low: The least value.
        high: The greatest value.
        open_low: True if the least value itself is left out.
        open_high: True if the greatest value itself is left out.
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"from {self.low:g}"
        if math.isinf(self.high):
            return "" if math.isinf(self.low) else f" {low}" + ("" if self.open_low else " on")
        return f" {low} {'and below' if self.open_high else 'to'} {self.high:g}"


Count = Annotated[int, Within(1)]
"""A number of steps, of examples, or of features."""

Several = Annotated[int, Within(2)]
"""A number, where one would tell nothing."""

Rate = Annotated[float, Within(0, open_low=True)]
"""A number above 0, such as a learning rate, a temperature or a time."""

Weight = Annotated[float, Within(0)]
"""A number from 0 on, such as the weight of a penalty."""

Share = Annotated[float, Within(0, 1)]
"""A part of a whole, none and all of it included."""

InnerShare = Annotated[float, Within(0, 1, open_low=True, open_high=True)]
"""A part of a whole that is neither none nor all of it."""

SomeShare = Annotated[float, Within(0, 1, open_low=True)]
"""A part of a whole that is not none of it."""


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of a method's parameters; those that cannot be resolved are left out."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # a user's annotations name anything, which may be imported for type checkers alone
        stated = getattr(function, "__annotations__", {})
        return {name: value for name, value in stated.items() if not isinstance(value, str)}
    return hints


def check_value(where: str, name: str, value: object, annotation: Any) -> None:
    """Refuse a value that an annotation does not allow.

    Args:
        where: Owner of the parameter, for the error.
        name: The parameter.
        value: Value that it was given.
        annotation: Its annotation.

    Raises:
        MethodError: Naming value and what is allowed.
    """
    if not _allows(annotation, value):
        hint = ""
        if get_origin(annotation) is Literal:
            hint = did_you_mean(str(value), map(str, get_args(annotation)))
        raise MethodError(f"{where}: {name}={value!r}.{hint} Expected {_words(annotation)}.")


def _allows(annotation: Any, value: object) -> bool:
    """Tell whether a value is of an annotation, as far as that is known here."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [extra for extra in arguments[1:] if isinstance(extra, Within)]
        return _allows(arguments[0], value) and all(cast("float", value) in bound for bound in bounds)
    if origin in (Union, UnionType):
        return any(_allows(option, value) for option in arguments)
    if origin is Literal:
        return any(type(option) is type(value) and option == value for option in arguments)
    if annotation in (int, float):
        kind = numbers.Integral if annotation is int else numbers.Real
        return not isinstance(value, bool) and isinstance(value, kind) and math.isfinite(value)
    if annotation in (bool, str, NoneType, None):
        return isinstance(value, NoneType if annotation is None else annotation)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return _allows_items(origin, arguments, value)
    return True


def _allows_items(origin: type, arguments: tuple[Any, ...], value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        return False
    items = cast("Sequence[object]", value)
    if origin is tuple and Ellipsis not in arguments:
        return len(items) == len(arguments) and all(map(_allows, arguments, items))
    return all(_allows(arguments[0], item) for item in items)


def _words(annotation: Any) -> str:
    """An annotation in words, such as ``an integer from 1 on``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [str(extra) for extra in arguments[1:] if isinstance(extra, Within)]
        return _words(arguments[0]) + "".join(bounds)
    if origin in (Union, UnionType):
        return " or ".join(map(_words, arguments))
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        if origin is tuple and Ellipsis not in arguments:
            return f"{len(arguments)} values: {', '.join(map(_words, arguments))}"
        return f"at least one value, each {_words(arguments[0])}"
    plain = {int: "an integer", float: "a number", bool: "True or False", str: "a text", NoneType: "None", None: "None"}
    return plain.get(annotation, str(annotation))
