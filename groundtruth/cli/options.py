"""Options that several commands share."""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, Token
from cyclopts.validators import Number

if TYPE_CHECKING:
    from groundtruth.results.cell_settings import Sizes


def _as_written(_: object, tokens: Sequence[Token]) -> str:
    """Take a word as it is: what it may be is judged where it is used, by an error that offers the closest one."""
    return tokens[0].value


CHOICE = Parameter(converter=_as_written, show_choices=False)
"""For an option whose help names its choices, so that the shell completes them; other words reach the command.

``| str`` because a choice that is none is refused by pydantic otherwise, in its own words, once that is imported.
"""

TrackName = Annotated[Literal["circuits", "variables"] | str, CHOICE]
ProfileName = Annotated[Literal["smoke", "default", "full"] | str, CHOICE]
LevelName = Annotated[Literal["edge", "node", "neuron"] | str, CHOICE]
AblationName = Annotated[Literal["resample", "zero", "mean", "mean-positional"] | str, CHOICE]
LengthsName = Annotated[Literal["fixed", "mixed"] | str, CHOICE]
OptionalLevel = Annotated[LevelName | None, CHOICE]
OptionalAblation = Annotated[AblationName | None, CHOICE]
OptionalLengths = Annotated[LengthsName | None, CHOICE]
DeviceName = Annotated[Literal["cpu", "cuda", "mps", "auto"] | str, CHOICE]

ExecutorName = Annotated[Literal["serial", "processes", "ray", "submitit"] | str, CHOICE]

AsJson = Annotated[bool, Parameter(name="--json")]
Parameters = Annotated[list[str] | None, Parameter(name="--set", negative=())]
SlurmOptions = Annotated[list[str] | None, Parameter(name="--slurm", negative=())]
Jobs = Annotated[int | None, Parameter(validator=Number(gte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0, lt=2**32))]
CellTimeout = Annotated[float | None, Parameter(validator=Number(gt=0))]


def split(text: str | None, option: str = "", *, empty: bool = False) -> list[str] | None:
    """Names separated by commas; ``None`` for none given.

    Args:
        text: As the user wrote it.
        option: Option that it was written for, for the error.
        empty: True if no name at all is a choice too.

    Raises:
        DomainError: If there is no name in it, as where a variable of the shell is empty: it does not stand for all.
    """
    if text is None:
        return None
    found = [name for part in text.split(",") if (name := part.strip())]
    if not found and not empty:
        from groundtruth.errors import DomainError

        raise DomainError(
            f"{option}{' ' if option else ''}'{text}' names nothing. Write names, separated by commas, or leave it out."
        )
    return found


_WRITTEN = (".csv", ".html", ".json", ".md", ".png", ".safetensors", ".svg")
"""Ends of the names of files that commands write into a folder."""


def require_writable(folder: Path, option: str = "--out") -> None:
    """Refuse a folder that results cannot go to, before they are made; it need not be there yet.

    Args:
        folder: Folder that they would go to.
        option: Option that it was written for, for the error.

    Raises:
        DomainError: If it is a file, below one, or not to be written to, or is named as one of the files that we write.
    """
    # The folder is made only once there is something to write, so that its nearest parent that is there is asked.
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    like_a_file = existing != folder and folder.suffix in _WRITTEN
    if like_a_file or not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        from groundtruth.errors import DomainError

        if like_a_file:
            raise DomainError(f"{option} {folder}: a folder is wanted. Name one, such as {folder.with_suffix('')}.")
        problem = "may not be written to" if existing.is_dir() else "is a file"
        raise DomainError(f"{option} {folder}: {existing} {problem}. Name a folder that can be made or written to.")


def read_parameters(texts: Sequence[str] | None, method: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters written as ``name=value``, each of the kind of its default.

    Args:
        texts: Parameters as they were given; ``None`` for nothing.
        method: Whose they are, for errors.
        known: Parameters that it has, with their defaults.

    Raises:
        MethodError: If one is written otherwise, unknown, given twice, or of another kind than its default.
    """
    from mib.errors import MethodError
    from mib.method_signature import check_names

    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or name in found:
            problem = "is set twice" if equals else "has no value"
            raise MethodError(f"--set {text}: {name!r} {problem}. Write --set name=value, once for each parameter.")
        check_names(method, [name], known)
        found[name] = _read_value(known[name], value, text)
    return found


def _read_value(default: Any, value: str, text: str) -> Any:
    """A value of the kind of a default: a number, true or false, none, or a word."""
    from mib.errors import MethodError

    try:
        read = ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(value, value))
    except (ValueError, SyntaxError):
        read = value
    kinds = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}.get(type(default), ())
    # A word stays as it is written, also where it looks like a number.
    if str in kinds:
        return value
    # In Python a bool is an int: `steps=true` must not run one step.
    if kinds and (not isinstance(read, kinds) or (isinstance(read, bool) and bool not in kinds)):
        raise MethodError(f"--set {text}: expected a value like its default, {default!r}.")
    return float(read) if isinstance(default, float) else read


def read_slurm_options(texts: Sequence[str] | None) -> dict[str, Any]:
    """Options of submitit written as ``name=value``; numbers are read as such.

    Raises:
        ExecutorError: If one is written otherwise.
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            from groundtruth.errors import ExecutorError

            raise ExecutorError(f"--slurm {text}: write name=value, such as slurm_partition=gpu or timeout_min=60.")
        # Slurm's words, such as a partition named 4g, stay words: only what is all digits is a number.
        found[name] = int(value) if value.isdecimal() else value
    return found


def read_memory(text: str | None) -> int:
    """Bytes: a number, with KiB, MiB or GiB after it for so many of these; ``None``: 2 GiB.

    Raises:
        TaskError: If it is none.
    """
    from mib.errors import TaskError
    from mib.memory_budget import MEMORY

    if text is None:
        return MEMORY
    units = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(|KiB|MiB|GiB)", text.strip())
    size = 0 if match is None else int(float(match[1]) * units[match[2]])
    if size < 1:
        raise TaskError(f"--memory {text}: write bytes, or such as 512MiB or 16GiB.")
    return size


def read_pairs(text: str | None) -> "Sizes | None":
    """Numbers of pairs to learn from, to choose by and to score on; ``None`` for those of the profile.

    Raises:
        DomainError: If these are not three numbers of at least 1.
    """
    from groundtruth.errors import DomainError
    from groundtruth.results.cell_settings import Sizes

    if text is None:
        return None
    numbers = text.replace(" ", "").split(",")
    if len(numbers) != 3 or not all(number.isdecimal() and int(number) for number in numbers):
        raise DomainError(
            f"--pairs {text}: write three numbers of at least 1, of pairs to learn from, to choose by and to score on, "
            "such as 240,80,320."
        )
    return Sizes(*map(int, numbers))


def require_level(level: str) -> Any:
    """Give the level, if it is one.

    Raises:
        TaskError: If it is none.
    """
    from mib.errors import TaskError, did_you_mean
    from mib.levels import LEVELS

    if level not in LEVELS:
        raise TaskError(f"unknown level '{level}'.{did_you_mean(level, LEVELS)} Choose from {', '.join(LEVELS)}.")
    return level


def split_all(names: Sequence[str]) -> list[str]:
    """Names given as several arguments, separated by commas, or both."""
    return [name for text in names for name in split(text) or ()]


def print_json(data: Any) -> None:
    """Write data to standard output, in the one way in which all JSON is written here."""
    from groundtruth.files import to_json
    from groundtruth.guarded_run import result_stream

    result_stream().write(to_json(data).decode())
