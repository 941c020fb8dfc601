"""A progress bar on standard error, where that is a terminal; elsewhere nothing."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from groundtruth.report.terminal import console

Item = TypeVar("Item")


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
    screen = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as line:
        line.add_task(label, total=None)
        yield


def _bar() -> Progress:
    screen = console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
