"""A cell as a job of an executor: what a worker is told, and what it answers, both as JSON."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from groundtruth.bench.cell_key import cell_grounds
from groundtruth.bench.cells_underway import told_underway
from groundtruth.bench.parcel import Parcel, unpack
from groundtruth.bench.run_cell import run_cell
from groundtruth.errors import WorkerError
from groundtruth.executors.same_code import differences, refusal
from groundtruth.files import from_json, to_json
from groundtruth.results.cell import Cell, Failed, Outcome, cell_fields, read_cell
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.variable_scores import VariableScores
from mib.errors import MibError

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)

_WORDS = {
    "code": "the code of groundtruth and mib",
    "method": "the sources of the method",
    "model": "the model's files",
    "data": "the data set or the file of the task",
    "schema_version": "the schema of results",
}
"""Name of a cell's grounds in the error about their difference."""


def write_cell_job(cell: Cell, *, checked: bool, underway: Path | None = None) -> str:
    """Write a cell for a worker.

    Args:
        cell: The cell to run.
        checked: True if the worker may be on another machine: it compares what the outcome depends on.
        underway: A folder into which it writes how far it is.
    """
    return write_claimed_job(cell, cell_grounds(cell) if checked else None, underway=underway)


def write_claimed_job(cell: Cell, grounds: Mapping[str, Any] | None, *, underway: Path | None = None) -> str:
    """Write a cell for a worker that compares what the outcome depends on with what is claimed of it.

    Args:
        cell: The cell to run.
        grounds: Some of what ``cell_grounds`` gives; None: nothing is compared.
        underway: A folder into which it writes how far it is.
    """
    return json.dumps({"cell": cell_fields(cell), "grounds": grounds, "underway": underway and str(underway)})


def run_cell_job(packed: str, job: str) -> str:
    """Run the cell of a job, and give its outcome as JSON.

    Args:
        packed: The user's files, as ``pack_sources`` writes them; empty on the machine where they are.
        job: As ``write_cell_job`` writes it.

    Raises:
        WorkerError: If the outcome depends on something that is otherwise here.
    """
    given = from_json(job.encode())
    asked, parcel = read_cell(given["cell"]), unpack(packed)
    method, model, task = map(parcel.here, (asked.method, asked.model, asked.task))
    cell = replace(asked, method=method, model=model, task=task)
    if given["grounds"] is not None:
        _require_same_grounds(cell, given["grounds"], parcel)
    with told_underway(given["underway"]) as at_work:
        outcome = run_cell(cell, at_work)
    if isinstance(outcome, Failed):
        # The user reads it on the driver, where a path of this machine names nothing.
        outcome = Failed(parcel.there(outcome.error))
    elif isinstance(outcome, CircuitScores | VariableScores):
        # Two drivers that ask for the same cell must get the same outcome, wherever its file was unpacked.
        model = asked.model if outcome.model == cell.model else outcome.model
        task = asked.task if outcome.task == cell.task else outcome.task
        outcome = replace(outcome, method=asked.method, model=model, task=task)
    return to_json(_OUTCOME.dump_python(outcome, mode="json")).decode()


def read_cell_outcome(text: str) -> Outcome:
    """Read what ``run_cell_job`` gives."""
    return _OUTCOME.validate_python(from_json(text.encode()))


def _require_same_grounds(cell: Cell, wanted: Mapping[str, Any], parcel: Parcel) -> None:
    try:
        own = cell_grounds(cell)
    except (ValueError, MibError, OSError) as error:
        told = f"what '{cell.method}' on '{cell.model}' stands on is not here: {error}"
        raise WorkerError(parcel.there(told)) from error
    if differing := list(differences(wanted, own, _WORDS)):
        raise refusal(differing)
