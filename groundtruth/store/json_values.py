"""Values of RASP as JSON: tuples, which JSON lacks, become ``{"tuple": [...]}``."""

from typing import Annotated, Any

from pydantic import PlainValidator

_DEPTH = 8
"""Tuples in tuples in tuples end here."""

_SCALARS = (str, bool, int, float, type(None))


def pack(value: Any) -> Any:
    """A RASP value as JSON."""
    return {"tuple": [pack(item) for item in value]} if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType]


def unpack(value: Any) -> Any:
    """The value that ``pack`` packed."""
    return tuple(unpack(item) for item in value["tuple"]) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]


def _packed(value: Any) -> Any:
    """Return what ``pack`` could have written, as it is."""
    if not isinstance(value, _SCALARS):
        _require_tuple(value, _DEPTH)
    return value


def _require_tuple(value: Any, depth: int) -> None:
    items = value.get("tuple") if isinstance(value, dict) and len(value) == 1 else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
    if not isinstance(items, list) or not depth:
        raise ValueError('a value is null, a boolean, a number, a string, or {"tuple": [...]} of values')
    for item in items:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(item, _SCALARS):
            _require_tuple(item, depth - 1)


Packed = Annotated[Any, PlainValidator(_packed)]
"""A field of a schema that holds a packed value."""
