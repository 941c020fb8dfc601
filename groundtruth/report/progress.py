"""A progress bar on standard error, where that is a terminal and nobody asked for quiet; elsewhere nothing."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from groundtruth.report.terminal import console

Item = TypeVar("Item")

QUIET = "GROUNDTRUTH_QUIET"
"""Variable of the environment that turns progress off; ``--quiet`` sets it for one command."""


def tracked(label: str, items: Iterable[Item], *, total: int) -> Iterator[Item]:
    """The items, with a bar that moves as they come and is gone at the end.

    Args:
        label: What is being done.
        items: Anything that yields.
        total: How many there will be.
    """
    with _bar() as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task)


@contextlib.contextmanager
def count_up(label: str) -> Generator[Callable[[int, int], None]]:
    """A bar that is told how far something is: call what this gives with what is done, and with all there is to do.

    Args:
        label: What is being done.
    """
    with _bar() as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def working(label: str) -> Generator[None]:
    """A line that says how long something has taken, where it is not known how long it will.

    Args:
        label: What is being done.
    """
    with _shown(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as line:
        line.add_task(label, total=None)
        yield


def _bar() -> Progress:
    return _shown(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )


def _shown(*columns: ProgressColumn) -> Progress:
    screen = console(stderr=True)
    # Not `screen.is_terminal`: FORCE_COLOR makes that true of a pipe, where a bar would leave control codes.
    hidden = not screen.file.isatty() or bool(os.environ.get(QUIET))
    return Progress(*columns, console=screen, transient=True, disable=hidden)
