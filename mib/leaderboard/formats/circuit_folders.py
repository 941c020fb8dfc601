"""MIB's folders of circuits: one cell of the leaderboard, and a whole submission.

Source: the section on submissions of https://github.com/aaronmueller/MIB-circuit-track (README.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from mib.errors import FormatError, did_you_mean
from mib.leaderboard.formats.any_circuit import SUFFIXES, read_circuit
from mib.leaderboard.formats.circuit_file import CircuitFile
from mib.leaderboard.formats.place_names import malformed

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""At most these shares of the edges are in the nine circuits of a cell."""

CELLS: Mapping[str, tuple[str, ...]] = {
    "ioi": ("gpt2", "qwen2.5", "gemma2", "llama3"),
    "mcqa": ("qwen2.5", "gemma2", "llama3"),
    "arithmetic-addition": ("llama3",),
    "arithmetic-subtraction": ("llama3",),
    "arc-easy": ("gemma2", "llama3"),
    "arc-challenge": ("llama3",),
}
"""The models of each task on the leaderboard."""

CELL_NAMES: Mapping[str, tuple[str, str]] = {
    f"{task}_{model}": (task, model) for task, models in CELLS.items() for model in models
}
"""Task and model of each cell of the leaderboard, by the name of its folder."""

LEAST = 2
"""Fewest tasks of a submission, and fewest models."""

IMPORTANCES = "importances.json"
"""Name of a cell's file of importances, where it is written here."""


@dataclass(frozen=True, eq=False)
class CircuitCell:
    """What a folder holds for one task and model: importances, or nine circuits.

    Attributes:
        importances: The scores; None if the folder holds circuits.
        circuits: Nine circuits, smallest first; empty if the folder holds importances.
    """

    importances: CircuitFile | None
    circuits: tuple[CircuitFile, ...] = ()


def read_cell(folder: str | PathLike[str]) -> CircuitCell:
    """Read the folder of one cell: one file of importances, ``.json`` or ``.pt``, of any name, or nine circuit files.

    Raises:
        FormatError: If the folder holds neither, or both, circuits of several graphs, or a circuit with more edges
            than its share (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50 % when sorted by size).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise malformed(folder, "folder", "does not exist")
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    if len(files) == 1:  # importances, whatever the file is called
        return CircuitCell(read_circuit(files[0]))
    if len(files) != len(FRACTIONS) or any(path.stem == "importances" for path in files):
        named = ", ".join(path.name for path in files[:3]) + (", ..." if len(files) > 3 else "")
        raise malformed(
            folder,
            "folder",
            f"holds {len(files)} circuit files{' (' + named + ')' if files else ''}; expected one file of importances "
            f"or {len(FRACTIONS)} circuits, .json or .pt, and nothing besides",
        )
    circuits = sorted(((read_circuit(path), path) for path in files), key=lambda entry: int(entry[0].edges.sum()))
    _check_shares(folder, circuits)
    return CircuitCell(None, tuple(circuit for circuit, _ in circuits))


def read_submission(folder: str | PathLike[str]) -> dict[tuple[str, str], CircuitCell]:
    """Read a submission: one folder a cell, at least two tasks and two models.

    Returns:
        A cell for each (task, model), in the order of the leaderboard.

    Raises:
        FormatError: If a folder's name is no cell of the leaderboard, a cell is malformed, or there are too few.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise malformed(folder, "folder", "does not exist")
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in found:
        if path.name not in CELL_NAMES:
            hint = did_you_mean(path.name, CELL_NAMES)
            raise FormatError(
                f"{path}: folder: no cell of the leaderboard is named '{path.name}'.{hint} Names are "
                "<task>_<model>, with hyphens in the task, such as arc-easy_llama3."
            )
    present = {path.name: path for path in found}
    cells = {cell: read_cell(present[name]) for name, cell in CELL_NAMES.items() if name in present}
    tasks, models = {task for task, _ in cells}, {model for _, model in cells}
    if len(tasks) < LEAST or len(models) < LEAST:
        raise malformed(
            folder,
            "folder",
            f"a submission needs at least {LEAST} tasks and {LEAST} models; "
            f"this one has {len(tasks)} and {len(models)}",
        )
    return cells


def _check_shares(folder: Path, circuits: list[tuple[CircuitFile, Path]]) -> None:
    graph = circuits[0][0].graph
    for (circuit, path), fraction in zip(circuits, FRACTIONS, strict=True):
        if circuit.graph != graph:
            raise malformed(path, "cfg", f"differs from the one of '{circuits[0][1].name}'")
        size, allowed = int(circuit.edges.sum()), fraction * len(graph.edges)
        if size > allowed:
            raise malformed(
                folder,
                path.name,
                f"{size} of {len(graph.edges)} edges; when the nine circuits are sorted by size, this one may "
                f"have at most {100 * fraction:g} %",
            )
