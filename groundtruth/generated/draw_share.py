"""How far a draw is that takes long, in a file: the process that makes the suite reads it for its progress bar."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

SHARE = "share.txt"
"""File in the folder of a draw, there while its network is trained: which part of that is done."""

WRITE_AFTER = 0.5
"""Seconds from one writing to the next: a step of a training takes a hundredth of that."""


@contextlib.contextmanager
def told_shares(folder: Path) -> Generator[Callable[[float], None]]:
    """Give a function that writes a share into the folder of a draw; the file is removed at the end.

    Args:
        folder: Folder of the draw; it exists.
    """
    path, last = folder / SHARE, -WRITE_AFTER

    def tell(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= WRITE_AFTER:
            last = time.monotonic()
            path.write_text(f"{share:.3f}")

    try:
        yield tell
    finally:
        path.unlink(missing_ok=True)


def shares_underway(folders: Iterable[Path]) -> float:
    """Add up how far draws are that are being made.

    Args:
        folders: Folders of the draws: one that is not begun, is over, or is made on another machine counts nothing.
    """
    total = 0.0
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):  # not there, or half written
            total += float((folder / SHARE).read_text())
    return total
