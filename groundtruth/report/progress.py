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
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from groundtruth.repeated_calls import called_repeatedly
from groundtruth.report.terminal import console

Item = TypeVar("Item")

QUIET = "GROUNDTRUTH_QUIET"
"""Variable of the environment that turns progress off; ``--quiet`` sets it for one command."""

WIDEST = 40
"""Most letters of what is being done: a bar is left beside them on a narrow screen."""

LOOK_AFTER = 1.0
"""Seconds from one look at what is underway to the next."""


def tracked(
    label: str,
    items: Iterable[Item],
    *,
    total: int,
    underway: Callable[[], float] | None = None,
    doing: Callable[[], str] | None = None,
) -> Iterator[Item]:
    """Yield the items, with a bar that moves as they come and is gone at the end.

    Args:
        label: Description of the work in progress.
        items: Anything that yields.
        total: Number of items in all.
        underway: Tells how much is done of items that have not come, 0.5 for half of one: where each takes long, the
            bar moves meanwhile.
        doing: Tells in a few words what is being done of them; looked at again and again if ``underway`` is given, else
            with each item.
    """
    with _bar() as bar:
        task, come = bar.add_task(label, total=total), 0

        def show() -> None:
            what = doing() if doing else ""
            bar.update(
                task,
                completed=come + (underway() if underway else 0.0),
                description=f"{label} {what[:WIDEST]}".rstrip(),
            )

        # Without a bar to see nothing is looked at: what is underway may lie in files.
        with called_repeatedly(show, seconds=LOOK_AFTER) if underway and not bar.disable else contextlib.nullcontext():
            for item in items:
                yield item
                come += 1
                show()


@contextlib.contextmanager
def count_up(label: str) -> Generator[Callable[[int, int], None]]:
    """Show a bar that is told how far something is: call what this gives with what is done, and with all there is.

    Args:
        label: Description of the work in progress.
    """
    with _bar() as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def working(label: str) -> Generator[None]:
    """Show a line that says how long something has taken, where it is not known how long it will.

    Args:
        label: Description of the work in progress.
    """
    with _shown(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as line:
        line.add_task(label, total=None)
        yield


@contextlib.contextmanager
def followed(look: Callable[[], tuple[str, float]]) -> Generator[None]:
    """Show a bar that follows one piece of work by looking at it.

    Args:
        look: Tells what is being done, and which part of it is done: 0 as long as that is not known.
    """
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(), *_times())
    with _shown(*columns) as bar:
        task = bar.add_task(look()[0], total=1.0)

        def show() -> None:
            what, share = look()
            if what != bar.tasks[0].description:  # another piece of work, whose time is not that of the last
                bar.reset(task, total=1.0, description=what)
            bar.update(task, completed=share)

        with called_repeatedly(show, seconds=LOOK_AFTER) if not bar.disable else contextlib.nullcontext():
            yield


def _times() -> tuple[ProgressColumn, ...]:
    return TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()


def _bar() -> Progress:
    return _shown(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        *_times(),
    )


def _shown(*columns: ProgressColumn) -> Progress:
    screen = console(stderr=True)
    # Not `screen.is_terminal`: FORCE_COLOR makes that true of a pipe, where a bar would leave control codes.
    hidden = not screen.file.isatty() or bool(os.environ.get(QUIET))
    return Progress(*columns, console=screen, transient=True, disable=hidden)
