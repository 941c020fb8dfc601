"""A lock that one process at a time has on a folder, and that is gone when the process is."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from groundtruth.errors import ProgramError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed or opened for itself alone
    fcntl = None

LOCK = "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None, None, None]:
    """Hold the lock of a folder that exists; the lock's own file in it may be removed by who holds it.

    Raises:
        ProgramError: If another process has it.
    """
    path = folder / LOCK
    busy = ProgramError(
        f"another process is making a suite in {folder.parent}. Wait until it is done, or name another folder."
    )
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        raise busy from None  # whoever made the folder has just removed it
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise busy from None
            # The file may have been removed, and made anew, between our opening it and our locking it.
            if not path.exists() or not os.path.samestat(os.fstat(handle), path.stat()):
                raise busy
        yield
    finally:
        os.close(handle)
