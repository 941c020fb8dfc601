"""Options that several commands share."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON, for machines.")]
Names = Annotated[str | None, Parameter(help="Names, separated by commas.")]


def split(text: str | None) -> list[str] | None:
    """Names separated by commas; ``None`` for none given."""
    return None if text is None else [name for part in text.split(",") if (name := part.strip())]


def flat(names: Sequence[str]) -> list[str]:
    """Names given as several arguments, separated by commas, or both."""
    return [name for text in names for name in split(text) or ()]


def print_json(data: Any) -> None:
    """Write data to standard output, in the one way in which all JSON is written here."""
    import sys

    from groundtruth.artifacts.writing import to_json

    sys.stdout.write(to_json(data).decode())
