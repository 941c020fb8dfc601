"""Join a cell that was made in a folder of its own, maybe on another machine, to a submission."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from mib.errors import FormatError
from mib.leaderboard.formats import IoiParameters, read_ioi_parameters, write_ioi_parameters
from mib.leaderboard.formats.circuit_folders import IMPORTANCES
from mib.leaderboard.submissions.check_submission import IOI_FILE
from mib.leaderboard.submissions.leaderboard_models import MODELS
from mib.leaderboard.submissions.run_submission import OF_A_CELL, Job, Outcome
from mib.leaderboard.submissions.submission_settings import record
from mib.whole_files import files_named, remove_made


def files_of_a_part(cell: str) -> str:
    """Write a regular expression for all paths in a folder in which nothing but this cell was made."""
    folder = rf"(?:{re.escape(cell)}|\.{re.escape(cell)}\.part)"
    return rf"{folder}(/{OF_A_CELL})?|{files_named(IOI_FILE)}"


def join_cell(part: Path, out: Path, job: Job, made: Outcome) -> Outcome:
    """Move a written cell into a submission, note that it is finished, and remove the folder where it was made.

    Args:
        part: The folder of a submission that holds this cell alone.
        out: The folder of the whole submission.
        job: The cell.
        made: Its outcome where it was made.

    Returns:
        Outcome of it; ``failed`` if the submission holds something in its place that was not made here.
    """
    try:
        if made.state == "written":
            _move(part / job.cell, out / job.cell)
            if (part / IOI_FILE).is_file():
                add_ioi_parameters(out / IOI_FILE, read_ioi_parameters(part / IOI_FILE))
            record(out, job.cell, job.settings)
        remove_made(part, files_of_a_part(job.cell))
    except FormatError as error:
        return Outcome(job.cell, "failed", str(error))
    return made


def add_ioi_parameters(path: Path, parameters: Mapping[str, IoiParameters]) -> None:
    """Add models to the parameters of IOI's causal model; they stand in the leaderboard's order, whoever came first."""
    known = read_ioi_parameters(path) if path.is_file() else {}
    order = [model.short for model in MODELS.values()]
    every = {**known, **parameters}
    # Names that are none of the leaderboard's stay at the end, as they came.
    names = sorted(every, key=lambda name: order.index(name) if name in order else len(order))
    write_ioi_parameters(path, {name: every[name] for name in names})


def _move(made: Path, folder: Path) -> None:
    """Put a cell in its place: scores of circuits over those before, featurizers instead of all of those before."""
    if (made / IMPORTANCES).is_file():
        folder.mkdir(exist_ok=True)
        os.replace(made / IMPORTANCES, folder / IMPORTANCES)
        return
    remove_made(folder, OF_A_CELL)
    made.rename(folder)
