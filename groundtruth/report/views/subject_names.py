"""Language models in reports: how they are called, beside what they were scored on."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path

PREDICTS = "Does a method's rank on compiled models predict its rank on language models? "


def short_name(model: str) -> str:
    """Call a checkpoint's folder by its own name; leave other names as they are."""
    return Path(model).name if Path(model).is_dir() else model


def grouped(
    scored: Iterable[Sequence[str]], tell: Callable[[str, list[str]], str], *, between: str = ", "
) -> list[str]:
    """Name language models with what each was scored on: ``learned (ioi, mcqa)``.

    Args:
        scored: Model, task, and what else was sought in the task.
        tell: Names one task with that.
        between: Stands between tasks.
    """
    found = sorted({(short_name(model), task, *more) for model, task, *more in scored})
    return [
        f"{model} ({between.join(tell(task, [more[0] for _, _, *more in own if more]) for task, own in _by(1, rows))})"
        for model, rows in _by(0, found)
    ]


def _by(place: int, rows: Iterable[tuple[str, ...]]) -> list[tuple[str, list[tuple[str, ...]]]]:
    return [(key, list(own)) for key, own in groupby(rows, key=lambda row: row[place])]
