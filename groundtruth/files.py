"""Files that are written whole or not at all, and JSON that is small and readable in a diff."""

import hashlib
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def to_json(data: Any) -> bytes:
    """JSON with one line for each item two levels down: small, and readable in a diff."""
    return (_lines(data, depth=2) + "\n").encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    with ExitStack() as waiting:
        write_beside(path, content, waiting)


def write_beside(path: Path, content: bytes, waiting: ExitStack) -> None:
    """Write a file that takes its place when the stack is left, or vanishes if that is by an error."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")

    def settle(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    waiting.push(settle)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o644)


def _lines(data: Any, depth: int) -> str:
    if depth == 0 or not data or not isinstance(data, dict | list):
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    inner = "  " * (3 - depth)
    outer = inner[2:]
    if isinstance(data, dict):
        items = [f"{json.dumps(key)}: {_lines(value, depth - 1)}" for key, value in data.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + outer + "}"
    return "[\n" + ",\n".join(inner + _lines(value, depth - 1) for value in data) + "\n" + outer + "]"
