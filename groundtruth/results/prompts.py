"""Which prompts a language model is scored on, and how they are read; compiled models have a domain of their own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtruth.errors import DomainError
from mib.learned import NAME as LEARNED
from mib.memory_budget import MEMORY
from mib.tasks.data_sources import HUB, SUFFIXES, data_of


@dataclass(frozen=True)
class Prompts:
    """What ``Task.localization`` and ``Task.featurization`` are told beside the pairs' number and seed.

    Attributes:
        data: ``hub`` for MIB's data sets, or a folder with a folder for each task; None: made up.
        answer_prefix: Start of the answers, instead of the task's own space or nothing.
        memory: Bytes that a run may use beside the model.
    """

    data: str | None = None
    answer_prefix: str | None = None
    memory: int = MEMORY

    def check(self, models: Sequence[str], *, has_language_model: bool) -> None:
        """See that the folder is there and that a model reads prompts, before anything is run.

        Args:
            models: Models that are scored.
            has_language_model: True if a language model is among them.

        Raises:
            DomainError: If either is not so.
        """
        if self.data not in (None, HUB) and not Path(str(self.data)).is_dir():
            raise DomainError(f"data='{self.data}': no such folder. Write hub, or one with a folder for each task.")
        if self != MADE_UP and not has_language_model:
            raise DomainError(
                "--data, --answer-prefix and --memory are for language models, and there is none among "
                f"{', '.join(models)}. Name one, such as --models {LEARNED}."
            )

    def of(self, task: str) -> dict[str, Any]:
        """Arguments for a task of this name."""
        return {"data": data_of(self.data, task), "answer_prefix": self.answer_prefix, "memory": self.memory}

    def sha256(self, task: str) -> str | None:
        """SHA-256 of the files of a task's folder; None if there is none."""
        where = data_of(self.data, task)
        if where is None or where == HUB:
            return None
        digest = hashlib.sha256()
        for path in sorted(path for path in Path(where).rglob("*") if path.suffix in SUFFIXES):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(path.relative_to(where).as_posix().encode() + b"\0" + content)
        return digest.hexdigest()


MADE_UP = Prompts()
"""The default: templates and word lists of our own."""
