"""Sources of examples: generated, a local folder, or the hub; all in the same columns."""

import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

from mib.errors import FormatError, MibError, TaskError, did_you_mean, first_line
from mib.tasks.data_parts import PARTS, check_part
from mib.tasks.example import Example, Row
from mib.tasks.task_definition import TaskDefinition

HUB = "hub"
SUFFIXES = (".jsonl", ".json", ".parquet")


def examples_of(
    task: TaskDefinition, data: str | PathLike[str] | Sequence[Example] | None, *, split: str, seed: int
) -> Iterable[Example]:
    """Examples of a part of a task's data, one at a time.

    Args:
        task: The task.
        data: None to make them up, as long as there are new ones; ``hub``; a folder in MIB's columns; or the examples
            themselves.
        split: Part of the data set.
        seed: Seed of generated examples.

    Raises:
        TaskError: If the task has no such source.
    """
    check_part(split)
    if data is None:
        return (task.parse(row) for row in task.stream(seed=seed, split=split))
    if isinstance(data, str | PathLike):
        return _parsed(task, rows_of(task, data, split=split), f"{data}: {split}")
    return _checked(data)


def _checked(data: object) -> Iterator[Example]:
    """Examples that a user gives, each looked at before it is used."""
    if not isinstance(data, Iterable):
        raise TaskError(f"data is a {type(data).__name__}; expected None, 'hub', a folder, or a sequence of examples.")
    for number, example in enumerate(cast("Iterable[object]", data)):
        if not isinstance(example, Example):
            raise TaskError(
                f"data[{number}] is a {type(example).__name__}; expected a mib.tasks.Example. Of a record in MIB's "
                "columns make one by task.parse(record), or give the folder that the records are in."
            )
        yield example


def data_of(data: str | PathLike[str] | None, task: str) -> str | PathLike[str] | None:
    """Return where the examples of one task come from, of data for several.

    Args:
        data: None, ``hub``, or a folder with a folder for each task; of one task alone its own folder will do.
        task: The task's name.
    """
    if data is None or data == HUB:
        return data
    folder = Path(data)
    own = folder / task
    has_parts = folder.is_dir() and any(_is_part(path, part) for path in folder.iterdir() for part in PARTS)
    return folder if has_parts and not own.is_dir() else own


def rows_of(task: TaskDefinition, data: str | PathLike[str], *, split: str) -> Iterator[Row]:
    """Rows of a part of a task's data, from the hub or a local folder.

    Raises:
        TaskError: If the task is not on the hub, or it cannot be reached.
        FormatError: If the folder has no such part, or a file in it is malformed.
    """
    if data == HUB:
        if task.hub is None:
            raise TaskError(f"task {task.name} has no data set on the hub: generate it (data=None) or load a folder.")
        return task.hub.rows(check_part(split))
    return read_rows(data, split)


def _parsed(task: TaskDefinition, rows: Iterable[Row], where: str) -> Iterator[Example]:
    for number, row in enumerate(rows, 1):
        try:
            yield task.parse(row)
        except MibError as error:
            raise FormatError(f"{where}, record {number}: not as task {task.name} has it: {error}") from error
        except Exception as error:  # a value of a kind that no record of MIB's has, anywhere inside
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise FormatError(f"{where}, record {number}: not as task {task.name} has it: {reason}.") from error


def write_rows(folder: str | PathLike[str], split: str, rows: Iterable[Row]) -> Path:
    """Write a part of a local data set as JSON lines, ``<split>.jsonl``; returns the file."""
    path = Path(folder) / f"{check_part(split)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(folder: str | PathLike[str], split: str) -> Iterator[Row]:
    """Read a part of a local data set: ``<split>.jsonl``, ``.json`` (a list) or ``.parquet`` in the folder.

    Parquet files as the hub has them, ``<split>-00000-of-00001.parquet``, are found too, in ``data/`` as well.

    Raises:
        FormatError: If there is no such file, or it is malformed, naming the line.
    """
    folder, part = Path(folder), check_part(split)
    if not folder.is_dir():
        raise FormatError(f"{folder}: folder: does not exist.")
    found = sorted(path for path in (*folder.iterdir(), *folder.glob("data/*")) if _is_part(path, part))
    if not found:
        there = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise FormatError(
            f"{folder}: folder: has no data of the split '{part}'.{did_you_mean(part, there.split(', '))} Expected "
            f"{part}.jsonl, {part}.json or {part}.parquet; it holds {there}."
        )
    for path in found:
        yield from _read(path)


def _is_part(path: Path, part: str) -> bool:
    names = (part, "val") if part == "validation" else (part,)
    return path.suffix in SUFFIXES and any(path.stem == name or path.stem.startswith(f"{name}-") for name in names)


def _read(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
    elif path.suffix == ".json":
        rows = _json(_bytes(path), path, "file")
        if not isinstance(rows, list):
            raise FormatError(f"{path}: top level: expected a list of records, found {type(rows).__name__}.")
        for place, row in enumerate(cast("list[object]", rows)):
            yield _row(row, path, f"[{place}]")
    else:
        for number, line in enumerate(_bytes(path).split(b"\n"), 1):
            if line.strip():
                yield _row(_json(line, path, f"line {number}"), path, f"line {number}")


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise TaskError(f"{path} needs the package 'pyarrow': pip install pyarrow.") from None
    try:
        rows: list[object] = parquet.read_table(path).to_pylist()
    except Exception as error:  # pyarrow's own errors, and Python's
        raise FormatError(f"{path}: file: is no Parquet file: {first_line(error)}.") from error
    for number, row in enumerate(rows):
        yield _row(row, path, f"[{number}]")


def _row(value: object, path: Path, place: str) -> Row:
    if not isinstance(value, dict):
        raise FormatError(f"{path}: {place}: expected a record, found {type(value).__name__}.")
    return cast("dict[str, Any]", value)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: file: cannot be read: {error.strerror or error}.") from error


def _json(text: bytes, path: Path, place: str) -> object:
    try:
        return json.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path}: {place}: is no UTF-8: byte {error.start + 1} is {text[error.start]:#04x}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: {place}: is no JSON: {first_line(error)}.") from error
