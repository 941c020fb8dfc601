"""What ships of learned models: checkpoints, how they were trained, and what was measured on the first of them."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from mib.errors import FormatError
from mib.whole_files import write_whole

NAME = "learned"
"""Name of the first of them for ``mib.load_model`` and the command line."""

FOLDER = Path(__file__).parent
CHECKPOINT = FOLDER / "checkpoint"
LOG = FOLDER / "training.json"
MEASURED = FOLDER / "measured"
PANEL = FOLDER / "panel"
SCHEMA_VERSION = 1


def panel_members() -> tuple[str, ...]:
    """Names of the members of the panel that ship."""
    return tuple(sorted(path.parent.name for path in PANEL.glob("*/training.json")))


def names() -> tuple[str, ...]:
    """Names of all learned models that ship."""
    return (NAME, *panel_members())


def checkpoint_of(name: str) -> Path:
    """The folder of the checkpoint of a learned model, whether it is there or not."""
    return CHECKPOINT if name == NAME else PANEL / name / "checkpoint"


def log_of(name: str) -> Path:
    """The file of the training log of a learned model."""
    return LOG if name == NAME else PANEL / name / "training.json"


@cache
def training_log(name: str = NAME) -> dict[str, Any]:
    """Read how a model was trained: recipe, losses, accuracies on held-out prompts, versions, SHA-256 of its files.

    Args:
        name: Name of a learned model that ships.

    Raises:
        FormatError: If the log does not ship, or is of another schema.
    """
    return read(log_of(name))


def tasks(name: str = NAME) -> tuple[str, ...]:
    """Names of the tasks that a model is shown to do: those with at least 98 % of held-out prompts right."""
    return tuple(training_log(name)["claimed"])


def files_sha256(folder: Path = CHECKPOINT) -> dict[str, str]:
    """SHA-256 of every file of a checkpoint, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def read(path: Path) -> dict[str, Any]:
    """A JSON file of this folder.

    Raises:
        FormatError: If it is not there, no JSON or of another schema.
    """
    if not path.is_file():
        raise FormatError(f"no file {path}: `make learned-models` writes it.")
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is no JSON: {error}. `make learned-models` writes it.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise FormatError(f"{path} has schema_version {version!r}; expected {SCHEMA_VERSION}.")
    return data


def write(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all, with one line for each item two levels down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{_spelt({'schema_version': SCHEMA_VERSION, **data}, depth=2)}\n".encode())


def _spelt(data: Any, depth: int, indent: str = "") -> str:
    if not depth or not isinstance(data, dict) or not data:
        return json.dumps(data, ensure_ascii=False)
    inner = f"{indent}  "
    lines = [f"{inner}{json.dumps(key)}: {_spelt(value, depth - 1, inner)}" for key, value in data.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
