"""Write the scores of a result tier by tier into a file that ships."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundtruth.bench.result_data import environment
from groundtruth.files import to_json, write_whole
from groundtruth.results.result import Result
from groundtruth.validity.tier_scores import SCHEMA_VERSION, read_tier_scores, with_measured
from groundtruth.validity.tiers_of_result import tier_scores


def write_tier_scores(result: Result, path: Path, *, scores: Sequence[str] | None = None) -> None:
    """Write the scores of a result tier by tier, with what they were measured on.

    What the result lacks stays in the file: its other tiers, and on a tier of the same models its other methods.

    Args:
        result: Outcomes on compiled models and their variants.
        path: The file, written whole or not at all.
        scores: Columns; by default those of the track whose validity is measured.
    """
    written = with_measured(read_tier_scores(path.stem, path.parent), tier_scores(result, scores))
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "track": result.tables.name,
        "settings": dict(result.settings),
        "models": sorted({model for one in written for model in one.models}),
        "environment": environment(),
        "scores": [asdict(one) | {"by_place": _rounded(one.by_place)} for one in written],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_json(data))


def _rounded(by_place: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Five decimals are far below what a pair more or less changes."""
    return {method: {place: round(value, 5) for place, value in own.items()} for method, own in by_place.items()}
