"""Outcomes of cells in a folder, one file a cell, named by everything that the outcome depends on."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from groundtruth.files import from_json, to_json, write_whole
from groundtruth.results.cell import Failed, Outcome, Skipped
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.read_results import SCHEMA_VERSION
from groundtruth.results.variable_scores import VariableScores

Kept = CircuitScores | VariableScores | Skipped


@dataclass(frozen=True)
class _Stored:
    schema_version: int
    outcome: Kept


_STORED = TypeAdapter(_Stored)


@dataclass(frozen=True)
class CellStore:
    """Outcomes in a folder; failures are not kept, so that they are tried again.

    Attributes:
        folder: Made when the first outcome is written.
        fresh: True if what was kept by earlier runs is ignored, and written anew.
    """

    folder: Path
    fresh: bool = False

    def get(self, key: str) -> Kept | None:
        """Read the outcome of a key; ``None`` if there is none, or a file that cannot be read as one."""
        if self.fresh:
            return None
        try:
            stored = _STORED.validate_python(from_json((self.folder / f"{key}.json").read_bytes()))
        except (OSError, ValueError):  # what pydantic raises is one too
            return None
        return stored.outcome if stored.schema_version == SCHEMA_VERSION else None

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, whole or not at all."""
        # A failure may be the machine's: memory that ran out, a network that was down.
        if isinstance(outcome, Failed):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        content = to_json(_STORED.dump_python(_Stored(SCHEMA_VERSION, outcome), mode="json"))
        write_whole(self.folder / f"{key}.json", content)
