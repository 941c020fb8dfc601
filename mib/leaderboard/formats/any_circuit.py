"""Read and write one MIB circuit file; its suffix says the format."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from mib.errors import FormatError
from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.leaderboard.formats.circuit_file import CircuitFile
from mib.leaderboard.formats.circuit_json import read_json, write_json
from mib.leaderboard.formats.circuit_pt import read_pt, write_pt

SUFFIXES = (".json", ".pt")

_READERS: dict[str, Callable[[Path], CircuitFile]] = {".json": read_json, ".pt": read_pt}
_WRITERS: dict[str, Callable[[Path, CircuitFile], None]] = {".json": write_json, ".pt": write_pt}


def read_circuit(path: str | PathLike[str]) -> CircuitFile:
    """Read one circuit file, ``.json`` or ``.pt``.

    Args:
        path: The file. Nothing in it is executed: ``.pt`` is read with ``weights_only=True``.

    Raises:
        FormatError: If the file does not exist, has another suffix or is malformed, naming file and place.
    """
    path = Path(path)
    reader = _READERS[_suffix(path)]
    try:
        return reader(path)
    except OSError as error:
        raise FormatError(f"{path}: file: cannot be read: {error.strerror or error}.") from error


def write_circuit(path: str | PathLike[str], circuit: CircuitFile | EdgeScores | NodeScores | NeuronScores) -> None:
    """Write one circuit file, ``.json`` or ``.pt``, that the reference reads too.

    Args:
        path: File to write; its folder must exist.
        circuit: Circuit to write; scores alone become a file of importances in which everything is in the graph.

    Raises:
        FormatError: If the suffix is another one, or the graph has a ``pos`` node, which the format cannot hold.
    """
    path = Path(path)
    writer = _WRITERS[_suffix(path)]
    if not isinstance(circuit, CircuitFile | EdgeScores | NodeScores | NeuronScores):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise FormatError(f"circuit is a {type(circuit).__name__}; expected a CircuitFile or scores of a graph.")
    try:
        writer(path, circuit if isinstance(circuit, CircuitFile) else CircuitFile.from_scores(circuit))
    except OSError as error:
        hint = "" if path.parent.is_dir() else f" Make the folder '{path.parent}' first."
        raise FormatError(f"{path}: file: cannot be written: {error.strerror or error}.{hint}") from error


def _suffix(path: Path) -> str:
    if path.suffix not in SUFFIXES:
        raise FormatError(f"{path}: suffix: '{path.suffix}' is no circuit format. Use one of: .json, .pt.")
    return path.suffix
