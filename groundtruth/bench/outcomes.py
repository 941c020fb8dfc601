"""What the results of both tracks share: outcomes by cell, where and how they came about, and how JSON has them."""

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import torch

from groundtruth.bench.cells import SCHEMA_VERSION, Cell, Failed, Outcome, Skipped, code_sha256, model_sha256, versions
from groundtruth.bench.variable_cells import VariableCell
from mib.metrics.metric_validity import Validity

AnyCell = TypeVar("AnyCell", Cell, VariableCell)


@dataclass(frozen=True)
class Outcomes(Generic[AnyCell]):
    """All outcomes of a run.

    Attributes:
        outcomes: Every cell with its outcome, in the order in which they were asked for.
        settings: How it was run: profile, seed, device, dtype, command.
        seconds: Wall time of this run, known cells included.
    """

    outcomes: tuple[tuple[AnyCell, Outcome], ...]
    settings: Mapping[str, Any]
    seconds: float

    @property
    def has_compiled(self) -> bool:
        """Whether any model was compiled; if none was, the table is about the real ones."""
        return any(not cell.task for cell, _ in self.outcomes)

    @property
    def methods(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.method for cell, _ in self.outcomes))

    @property
    def models(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(dict.fromkeys(cell.model for cell, _ in self.outcomes))

    @property
    def failures(self) -> list[tuple[AnyCell, Failed]]:
        """Cells whose method broke its contract or raised."""
        return [(cell, outcome) for cell, outcome in self.outcomes if isinstance(outcome, Failed)]


def heading_data(result: Outcomes[Any], **track: str) -> dict[str, Any]:
    """What JSON begins with: schema, time, settings, environment and hashes."""
    return {
        "schema_version": SCHEMA_VERSION,
        **track,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": result.seconds,
        "settings": dict(result.settings),
        "environment": environment(),
        "code_sha256": code_sha256(),
        "models_sha256": {name: model_sha256(name) for name in result.models},
    }


def environment() -> dict[str, Any]:
    """Where and with what it was run."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def cell_data(cell: Cell | VariableCell, outcome: Outcome) -> dict[str, Any]:
    """One cell as JSON has it."""
    kind = type(outcome).__name__.lower() if isinstance(outcome, Failed | Skipped) else "scored"
    return {"key": cell.key, "outcome": kind, "cell": asdict(cell), **asdict(outcome)}


def validity_data(entry: Validity, *, places: str) -> dict[str, Any]:
    """One agreement of rankings as JSON has it.

    Args:
        entry: Of a metric with an exact score.
        places: What is called by the keys of its agreements: ``per_model`` or ``per_place``.
    """
    return {
        "metric": entry.metric,
        "exact": entry.exact,
        "kendall_tau": or_none(entry.overall.tau),
        "interval": [or_none(end) for end in entry.interval],
        "n_pairs": entry.overall.n_pairs,
        "n_methods": entry.n_methods,
        places: {place: or_none(agreement.tau) for place, agreement in entry.per_model.items()},
    }


def or_none(value: float) -> float | None:
    """A number as JSON has it: NaN is none."""
    return None if math.isnan(value) else value
