"""How the cells of a submission were made, so that another run does only what is missing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mib.errors import FormatError
from mib.whole_files import write_whole

FILE = "submission.json"
SCHEMA_VERSION = 1


def settings_of(folder: Path) -> dict[str, Any]:
    """The settings of every cell that an earlier run finished, by the cell's name.

    Raises:
        FormatError: If the file is not what this writes.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: file: is no JSON: {error}. Delete it to make all cells again.") from error
    if not isinstance(stored, dict) or stored.get("schema_version") != SCHEMA_VERSION:  # pyright: ignore[reportUnknownMemberType]
        raise FormatError(f"{path}: schema_version: expected {SCHEMA_VERSION}. Delete it to make all cells again.")
    cells = stored.get("cells")
    if not isinstance(cells, dict) or not all(isinstance(cell, dict) for cell in cells.values()):
        raise FormatError(
            f"{path}: cells: expected the settings of each cell by its name. Delete it to make all cells again."
        )
    return cells


def record(folder: Path, cell: str, settings: Mapping[str, Any]) -> None:
    """Note that a cell is finished, and with which settings."""
    cells = {**settings_of(folder), cell: dict(settings)}
    text = json.dumps({"schema_version": SCHEMA_VERSION, "cells": dict(sorted(cells.items()))}, indent=2)
    write_whole(folder / FILE, f"{text}\n".encode())
