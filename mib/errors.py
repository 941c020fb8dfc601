"""The errors that ``mib`` raises on bad input; each message names the argument, its value and what to do."""

import difflib
import re
from collections.abc import Iterable

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Sequences and characters by which a text would command a terminal."""


class MibError(ValueError):
    """Base of every error that bad input to ``mib`` raises."""


class GraphError(MibError):
    """A node, an edge or a graph that does not exist or does not fit."""


class ScoreError(MibError):
    """Scores that are missing, not finite, or of the wrong shape."""


class TaskError(MibError):
    """A task whose parts do not fit together."""


class MethodError(MibError):
    """A method that is unknown, badly registered, or cannot run on a model or ablation."""


class ModelError(MibError):
    """A model that cannot be found, read or run."""


class FormatError(MibError):
    """A file that does not follow its format; the message names the place."""


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """A sentence that offers the names closest to a misspelt one, or an empty string.

    Args:
        name: The name that was given.
        known: All that is allowed.
        limit: Number of names to offer at most.
    """
    close = difflib.get_close_matches(name, list(known), n=limit, cutoff=0.5)
    return f" Did you mean: {', '.join(close)}?" if close else ""


def shorten(names: Iterable[object], *, limit: int = 3) -> str:
    """The first names of a list, quoted, and how many more there are."""
    items = [str(name) for name in names]
    shown = ", ".join(f"'{item}'" for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def first_line(error: BaseException, *, limit: int = 200) -> str:
    """The first line of an error's text that says something, cut to a length; its type where there is no text.

    Escape sequences are left out: the text may be of a library that colours it for a terminal.
    """
    text = ESCAPES.sub("", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:limit]
