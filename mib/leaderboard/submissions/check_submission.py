"""Whether a folder is ready for the leaderboard: every problem of every cell, and what is not there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from mib.counted_nouns import plural
from mib.errors import FormatError, did_you_mean, shorten
from mib.leaderboard.formats import (
    CircuitFile,
    Unit,
    featurizer_files,
    read_cell,
    read_featurizer,
    read_ioi_parameters,
)
from mib.leaderboard.formats.circuit_folders import CELL_NAMES, LEAST
from mib.leaderboard.submissions.leaderboard_models import MODELS, sizes

Track = Literal["circuits", "featurizers"]
State = Literal["complete", "faulty", "absent"]

SUFFIXES = (featurizer_files.INVERSE, featurizer_files.FORWARD, featurizer_files.INDICES)
"""The three files of a unit, the longest ending first."""

IOI_FILE = "ioi_linear_params.json"


@dataclass(frozen=True)
class CellReport:
    """What there is of a cell of the leaderboard.

    Attributes:
        name: Name of its folder.
        state: ``complete``, ``faulty`` or ``absent``.
        holds: Contents in words.
        problems: Faults and missing parts.
    """

    name: str
    state: State
    holds: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionReport:
    """What there is of a submission.

    Attributes:
        folder: Folder of the submission.
        track: Track that it belongs to.
        cells: All cells of the leaderboard, in its order.
        problems: Problems of the submission as a whole.
    """

    folder: Path
    track: Track
    cells: tuple[CellReport, ...]
    problems: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """True if nothing that is there is faulty, and nothing that must be there is missing."""
        return not self.problems and all(cell.state != "faulty" for cell in self.cells)


def check_submission(folder: str | PathLike[str]) -> SubmissionReport:
    """Look at every cell of a submission; nothing in it is executed.

    Args:
        folder: One folder a cell: ``<task>_<model>`` for circuits, ``<task>_<model class>_<variable>`` for featurizers.

    Raises:
        FormatError: If the folder does not exist, holds no cell, or cells of both tracks.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FormatError(f"{folder}: folder: does not exist.")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    circuits, featurizers = list(CELL_NAMES), list(featurizer_files.CELLS)
    track = _track(folder, names, circuits, featurizers)
    known = circuits if track == "circuits" else featurizers
    check = _circuits if track == "circuits" else _featurizers
    cells = tuple(_cell(folder / name, check) for name in known)
    strange = tuple(
        f"'{name}' is no cell of the leaderboard.{did_you_mean(name, known)}" for name in names if name not in known
    )
    whole = _too_few(cells) if track == "circuits" else _ioi(folder, names)
    return SubmissionReport(folder, track, cells, (*strange, *whole))


def _track(folder: Path, names: Sequence[str], circuits: Sequence[str], featurizers: Sequence[str]) -> Track:
    found = [track for track, known in (("circuits", circuits), ("featurizers", featurizers)) if {*names} & {*known}]
    if len(found) != 1:
        what = "cells of both tracks; submit them apart" if found else "no cell of the leaderboard"
        hint = "" if found or not names else did_you_mean(names[0], (*circuits, *featurizers))
        raise FormatError(
            f"{folder}: folder: holds {what}.{hint} Cells are folders such as ioi_gpt2 (circuits) or "
            "ioi_task_GPT2LMHeadModel_output_token (featurizers)."
        )
    return "circuits" if found[0] == "circuits" else "featurizers"


def _cell(folder: Path, check: Callable[[Path], tuple[str, list[str]]]) -> CellReport:
    if not folder.is_dir():
        return CellReport(folder.name, "absent")
    try:
        holds, problems = check(folder)
    except FormatError as error:
        holds, problems = "", [_relative(error, folder)]
    return CellReport(folder.name, "faulty" if problems else "complete", holds, tuple(problems))


def _circuits(folder: Path) -> tuple[str, list[str]]:
    cell = read_cell(folder)
    files = cell.circuits if cell.importances is None else (cell.importances,)
    graph, wanted = files[0].graph, MODELS[folder.name.rpartition("_")[2]]
    problems = list[str]()
    if graph != wanted.graph:
        problems.append(f"cfg is of a model with {sizes(graph)}; the leaderboard's has {wanted.sizes}")
    if cell.importances is None:
        return "nine circuits", problems
    holds, unfit = _importances(cell.importances)
    return holds, problems + unfit


def _importances(file: CircuitFile) -> tuple[str, list[str]]:
    """Say what a file of importances scores, and which scores rank nothing."""
    problems = list[str]()
    levels: Mapping[str, np.ndarray | None] = {  # pyright: ignore[reportMissingTypeArgument]
        "neurons": None if file.neuron_scores is None else file.neuron_scores.values,
        "nodes": None if file.node_scores is None else file.node_scores.values,
        "edges": file.scores.flat,
    }
    level, values = next((name, found) for name, found in levels.items() if found is not None)
    unscored = int(np.isnan(values).sum())
    if unscored:
        problems.append(f"{unscored:,} of {values.size:,} {level} have no score; they count as always kept")
    if not np.nan_to_num(values).any():
        problems.append(f"every score of the {level} is 0, which ranks nothing")
    return f"scores of {values.size:,} {level}", problems


def _featurizers(folder: Path) -> tuple[str, list[str]]:
    cell = featurizer_files.CELLS[folder.name]
    files = {path.name for path in folder.iterdir() if path.is_file()}
    owners = {owner for name in files if (owner := _unit_of(name))}
    problems, good = list[str](), 0
    if not owners:
        problems.append("holds no featurizer; expected files named <unit>_featurizer")
    for name in sorted(owners):
        missing = [end for end in SUFFIXES if name + end not in files]
        try:
            unit = Unit.parse(name)
            if missing:
                problems.append(f"{name}: without {', '.join(missing)}")
                continue
            read_featurizer(folder, name, width=_width(unit, cell.model))
            good += 1
        except FormatError as error:
            problems.append(_relative(error, folder))
    return f"{good} of {len(owners)} units" if problems else plural(good, "unit"), problems


def _unit_of(file: str) -> str:
    """The unit that a file is of; empty if it is no featurizer's."""
    return next((file.removesuffix(end) for end in SUFFIXES if file.endswith(end)), "")


def _width(unit: Unit, architecture: str) -> int | None:
    """The size of a unit's activation on the leaderboard's model.

    Raises:
        FormatError: If the model has no such layer or head.
    """
    model = next(found for found in MODELS.values() if found.architecture == architecture)
    if unit.layer >= model.layers or (unit.head or 0) >= model.heads:
        raise FormatError(f"{unit}: the leaderboard's {architecture} has {model.sizes}.")
    if unit.kind == "ResidualStream":
        return model.d_model
    # Gemma 2's heads are 256 wide: its d_model divided by their number would be 288.
    return 256 if architecture == "Gemma2ForCausalLM" else model.d_model // model.heads


def _too_few(cells: Sequence[CellReport]) -> list[str]:
    present = [cell.name.rpartition("_") for cell in cells if cell.state != "absent"]
    tasks, models = ({parts[i] for parts in present} for i in (0, 2))
    if len(tasks) >= LEAST and len(models) >= LEAST:
        return []
    return [f"at least {LEAST} tasks and {LEAST} models are needed; found {shorten(sorted(tasks))} on "
            f"{shorten(sorted(models))}"]  # fmt: skip


def _ioi(folder: Path, names: Sequence[str]) -> list[str]:
    """Give what is missing of the parameters of IOI's causal model."""
    cells = [featurizer_files.CELLS[name] for name in names if name in featurizer_files.CELLS]
    needed = {cell.model for cell in cells if cell.task == "ioi_task"}
    if not needed:
        return []
    if not (folder / IOI_FILE).is_file():
        return [f"has cells of ioi_task, but no {IOI_FILE} with the parameters of its causal model"]
    try:
        known = read_ioi_parameters(folder / IOI_FILE)
    except FormatError as error:
        return [_relative(error, folder)]
    short = {model.architecture: model.short for model in MODELS.values()}
    return [
        f"{IOI_FILE} has no parameters for {name} ('{short[name]}')"
        for name in sorted(needed)
        if not {name, short[name]} & {*known}
    ]


def _relative(error: FormatError, folder: Path) -> str:
    return str(error).replace(f"{folder}/", "").replace(f"{folder}: ", "").rstrip(".")
