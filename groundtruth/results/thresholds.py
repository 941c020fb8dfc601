"""Thresholds that a method must meet, such as ``auroc=0.9``, and limits to how much worse it may become."""

import math
from collections.abc import Mapping, Sequence

from groundtruth.errors import DomainError
from groundtruth.results.result import Result
from mib.errors import did_you_mean


def parse_thresholds(text: str | None, columns: Sequence[str], *, option: str = "--fail-under") -> dict[str, float]:
    """Read ``auroc=0.9,f1=0.8`` as columns and numbers.

    Args:
        text: As the user wrote it.
        columns: Columns to choose from.
        option: Option that it was written for, for the error.

    Raises:
        DomainError: If it is not written so, holds nothing, or a column is unknown.
    """
    return _read(text, columns, option, f"{columns[0]}=0.9")


def parse_limits(text: str | None, columns: Sequence[str], *, option: str) -> dict[str, float]:
    """Read ``auroc=0.02,cmd=0.05`` as columns and how much worse their means may become.

    Args:
        text: As the user wrote it.
        columns: Columns to choose from.
        option: Option that it was written for, for the error.

    Raises:
        DomainError: As ``parse_thresholds``, and for a number below 0.
    """
    found = _read(text, columns, option, f"{columns[0]}=0.02")
    for column, limit in found.items():
        if limit < 0:
            raise DomainError(
                f"{option}: {column}={limit:g} is below 0. Write how much worse it may become: {column}=0 for not at "
                "all."
            )
    return found


def _read(text: str | None, columns: Sequence[str], option: str, example: str) -> dict[str, float]:
    found: dict[str, float] = {}
    # An empty variable of the shell must not pass for thresholds that are all met.
    if text is not None and not text.strip(", "):
        raise DomainError(f"{option} '{text}' holds nothing. Write such as {example}, or leave it out.")
    for part in (text or "").split(","):
        if not part.strip():
            continue
        column, _, value = (piece.strip() for piece in part.partition("="))
        if column not in columns:
            hint = did_you_mean(column, columns)
            raise DomainError(f"{option}: unknown column '{column}'.{hint} Choose from {', '.join(columns)}.")
        found[column] = _number(value)
        if not math.isfinite(found[column]):
            raise DomainError(f"{option}: '{part.strip()}' is no threshold; write {column}=NUMBER, such as {example}.")
    return found


def _number(text: str) -> float:
    """The number of a text; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def unmet_thresholds(result: Result, method: str, thresholds: Mapping[str, float]) -> list[str]:
    """Write a line for each threshold that a method does not meet under some ablation."""
    lines: list[str] = []
    for ablation in result.ablations:
        summary = next((s for s in result.summaries(ablation) if s.method == method), None)
        means = {name: spread.mean for name, spread in summary.columns.items()} if summary else {}
        where = f" under {ablation} ablation" if ablation else ""
        lines += _missed(means, thresholds, lower=result.tables.lower_is_better, where=where)
    return lines


def _missed(
    means: Mapping[str, float], thresholds: Mapping[str, float], *, lower: Sequence[str], where: str
) -> list[str]:
    lines: list[str] = []
    for column, limit in thresholds.items():
        mean, at_most = means.get(column), column in lower
        if mean is None:
            lines.append(f"not met: {column} has no value{where}")
        elif mean > limit if at_most else mean < limit:
            wanted = f"at {'most' if at_most else 'least'} {limit:g}"
            lines.append(f"not met: {column} is {mean:.4f}{where}, wanted {wanted}")
    return lines
