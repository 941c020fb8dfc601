"""Which cells are at work and how far they are, in files of a folder: the process that shows progress reads them."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

from groundtruth.repeated_calls import called_repeatedly
from mib.localization import Localizer, get, names
from mib.localization.planned_passes import RunSizes, plan_passes
from mib.localization.task import LocalizationTask

WRITE_AFTER = 1.0
"""Seconds from one writing to the next."""

FORGOTTEN_AFTER = 60.0
"""Seconds without a writing after which a cell counts as over: its process was killed."""

LONG = 5.0
"""Seconds at a cell after which it is named beside the bar."""


@dataclass
class Underway:
    """A cell that is at work.

    Attributes:
        what: The work at hand, such as ``eap on hist``.
        since: When that began, by the clock of the machine, which other processes have too.
        share: Tells which part of it is done.
    """

    what: str = ""
    since: float = field(default_factory=time.time)
    share: Callable[[], float] = lambda: 0.0

    def begin(self, what: str, share: Callable[[], float] = lambda: 0.0) -> None:
        """Turn to another part of the cell."""
        self.what, self.since, self.share = what, time.time(), share


@contextlib.contextmanager
def told_underway(folder: str | None) -> Generator[Underway]:
    """Write what this process is at into a folder, again and again; the file is removed at the end.

    Args:
        folder: A folder that is there, or has been; None: nothing is written.
    """
    cell = Underway()
    if folder is None:
        yield cell
        return
    path = Path(folder, f"{os.getpid()}.json")

    def write() -> None:
        with contextlib.suppress(OSError):  # whoever asked may be gone, with the folder
            path.write_text(json.dumps([cell.what, cell.since, cell.share()]))

    try:
        # From a thread: a method knows nothing of this, so that nobody else has a turn while it runs.
        with called_repeatedly(write, seconds=WRITE_AFTER):
            yield cell
    finally:
        with contextlib.suppress(OSError):  # a short cell never wrote
            path.unlink()


def read_underway(folder: Path) -> list[tuple[str, float, float]]:
    """Read what cells are at work: what is being done, for how many seconds, and which part of that is done."""
    found: list[tuple[str, float, float]] = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):  # over by now, or half written
            if time.time() - path.stat().st_mtime < FORGOTTEN_AFTER:
                what, since, share = json.loads(path.read_text())
                found.append((what, time.time() - since, share))
    return found


def say_longest(folder: Path) -> str:
    """Name the cell that has been at work for longest, with its time; nothing while all are short."""
    what, seconds, share = max(read_underway(folder), key=lambda cell: cell[1], default=("", 0.0, 0.0))
    if seconds < LONG:
        return ""
    done = f", {share:.0%}" if 0 < share < 1 else ""
    return f"{what} {int(seconds) // 60}:{int(seconds) % 60:02d}{done}"


def with_share(method: Localizer, cell: Underway, place: str, parameters: dict[str, Any]) -> Localizer:
    """Have a localization method tell how far it is: the passes that the engine has counted, of those planned.

    Args:
        method: The method.
        cell: Told when the method begins and when it is over.
        place: Name of the model, with its task if it has one.
        parameters: Its hyper-parameters that are not the default.
    """

    @wraps(method.function)
    def counted(task: LocalizationTask, **given: Any) -> Any:
        n, cost = len(task), task.engine.cost
        sizes = RunSizes(task.graph, n, task.ablation, streaming=task.engine.must_stream)
        is_registered = method.name in names() and get(method.name).function is method.function
        planned = plan_passes(method.name, sizes, parameters) if is_registered else None
        total = 0.0 if planned is None else planned.forward + planned.backward
        cell.begin(f"{method.name} on {place}", lambda: min(cost.passes(n) / total, 1.0) if total else 0.0)
        try:
            return method.function(task, **given)
        finally:
            cell.begin(f"measuring {method.name} on {place}")

    return replace(method, function=counted)
