"""A task: a behaviour with its data, set to a model for the methods of either track."""

from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

from mib.tasks.circuit_task import accuracy, localization, selection
from mib.tasks.data_sources import examples_of, write_rows
from mib.tasks.example import Example
from mib.tasks.task_definition import TaskDefinition
from mib.tasks.variable_task import featurization


@dataclass(frozen=True)
class Task(TaskDefinition):
    """A behaviour of language models, with its data and with the tasks that it sets methods on a model."""

    localization = localization
    selection = selection
    featurization = featurization
    accuracy = accuracy

    def load(self, data: str | PathLike[str], *, split: str = "train", n: int | None = None) -> list[Example]:
        """Examples of a data set in MIB's columns.

        Args:
            data: ``hub``, or a local folder with ``train.jsonl`` (or .json, .parquet) and so on.
            split: ``train``, ``validation`` or ``test``.
            n: Only the first so many; None for all.

        Raises:
            TaskError: If the task is not on the hub, or it cannot be reached.
            FormatError: If the folder has no such part, or a record is malformed, naming the place.
        """
        return list(islice(examples_of(self, data, split=split, seed=0), n))

    def write(self, folder: str | PathLike[str], n: int, *, seed: int = 0, split: str = "train") -> Path:
        """Write generated rows as a local data set that ``load`` reads; returns the file."""
        return write_rows(folder, split, self.rows(n, seed=seed, split=split))
