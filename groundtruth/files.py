"""Files that are written whole or not at all, and JSON that is small and readable in a diff."""

import hashlib
import json
import math
import re
from typing import Any, NoReturn

from mib.whole_files import write_beside, write_whole

__all__ = ["from_json", "or_none", "sha256", "to_json", "write_beside", "write_whole"]


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def to_json(data: Any) -> bytes:
    """JSON with one line for each item two levels down: small, and readable in a diff.

    UTF-8 has no lone surrogates, which errors and file names may hold: they are spelt out.
    """
    return (re.sub("[\ud800-\udfff]", _spell_surrogate, _lines(data, depth=2)) + "\n").encode()


def or_none(value: float) -> float | None:
    """Write a number as JSON has it: NaN is none."""
    return None if math.isnan(value) else value


def from_json(content: bytes) -> Any:
    """Read JSON, as strictly as ``to_json`` writes it.

    Raises:
        ValueError: If it is no JSON or no UTF-8, nests too deeply, or holds NaN or an infinity, which JSON has not.
    """
    try:
        return json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _spell_surrogate(found: re.Match[str]) -> str:
    return f"\\\\u{ord(found[0]):04x}"


def _lines(data: Any, depth: int) -> str:
    if depth == 0 or not data or not isinstance(data, dict | list):
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    inner = "  " * (3 - depth)
    outer = inner[2:]
    if isinstance(data, dict):
        items = [f"{json.dumps(key)}: {_lines(value, depth - 1)}" for key, value in data.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + outer + "}"
    return "[\n" + ",\n".join(inner + _lines(value, depth - 1) for value in data) + "\n" + outer + "]"
