"""Write files whole or not at all, and remove folders only if this program made all that is in them."""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from mib.errors import FormatError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees half of it.

    Raises:
        OSError: If it cannot be written, such as on a full disk; its ``filename`` is the path.
    """
    with ExitStack() as waiting:
        write_beside(path, content, waiting)


def write_beside(path: Path, content: bytes, waiting: ExitStack) -> None:
    """Write a file that takes its place when the stack is left, or vanishes if that is by an error.

    Raises:
        OSError: As ``write_whole`` does.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")

    def settle(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                with _naming(path):
                    os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    with _naming(path):
        # Not mkstemp, whose files are private: the system takes the umask away from these permissions.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        waiting.push(settle)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if path.exists():
                os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))


@contextlib.contextmanager
def _naming(path: Path) -> Generator[None, None, None]:
    """Let errors of the system name the file that was asked for; a full disk names none by itself."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


TEMPORARY = r"\.{name}\.[0-9a-z_]+"
"""Name of what an interruption leaves beside a file, as a regular expression in which ``{name}`` is that of the
file."""


def files_named(*names: str) -> str:
    """A regular expression for the names of files that are written whole, and for what an interruption leaves."""
    every = [re.escape(name) for name in names]
    return "|".join([*every, *(TEMPORARY.format(name=name) for name in every)])


def remove_made(folder: Path, made: str) -> None:
    """Remove a folder with all that is in it, if this program made all of it; one that is not there is no matter.

    Args:
        folder: Folder to remove.
        made: A regular expression for the whole path, within the folder and with ``/``, of whatever may be in it.

    Raises:
        FormatError: If the folder is a link or a file, or holds anything else. Nothing is removed then.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise FormatError(f"{folder}: folder: is none that was made here, so it is not removed; move it away.")
    inside = sorted(folder.rglob("*"), reverse=True)  # what is in a folder before the folder
    for path in inside:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not re.fullmatch(made, name):
            raise FormatError(f"{folder}: folder: holds {name!r}, which was not made here, so it is not removed; "
                              "move that away.")  # fmt: skip
    for path in inside:
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
