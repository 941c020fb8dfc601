"""Reading the columns of a data set, with errors that name the place."""

from typing import Any

from mib.errors import FormatError, did_you_mean, shorten
from mib.tasks.example import SUFFIX, Row


def column(row: Row, *path: str, kind: type | tuple[type, ...] = str) -> Any:
    """A value of a row, at a path of keys.

    Args:
        row: The record.
        path: Keys, from the outside in.
        kind: Kind that the value must be of.

    Raises:
        FormatError: If a key is missing or the value is of another kind.
    """
    value: Any = row
    for depth, key in enumerate(path):
        if not hasattr(value, "keys") or key not in value:
            known = list(value) if hasattr(value, "keys") else []
            raise FormatError(
                f"row has no column '{'.'.join(path[: depth + 1])}'.{did_you_mean(key, known)} "
                f"It has: {shorten(known, limit=12) or 'none'}."
            )
        value = value[key]
    if not isinstance(value, kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise FormatError(f"column '{'.'.join(path)}' holds {value!r}; expected {names}.")
    return value


def chosen(choices: Any, key: Any, *, where: str) -> str:
    """The choice that an answer key names.

    Raises:
        FormatError: If there is no such choice.
    """
    if not isinstance(key, int) or not 0 <= key < len(choices):
        raise FormatError(f"column '{where}' holds {key!r}; expected the place of one of {len(choices)} choices.")
    return str(choices[key])


def families_in(row: Row) -> list[str]:
    """The families of counterfactuals that a row has, in its order; null ones are left out."""
    return [name.removesuffix(SUFFIX) for name in row if name.endswith(SUFFIX) and _present(row[name])]


def _present(value: Any) -> bool:
    return value is not None and (not hasattr(value, "get") or value.get("prompt") is not None)
