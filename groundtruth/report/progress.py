"""A progress bar on standard error, where that is a terminal; elsewhere nothing."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from groundtruth.report.terminal import console

Item = TypeVar("Item")


def tracked(label: str, items: Iterable[Item], *, total: int) -> Iterator[Item]:
    """The items, with a bar that moves as they come and is gone at the end.

    Args:
        label: What is being done.
        items: Anything that yields.
        total: How many there will be.
    """
    screen = console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task)
