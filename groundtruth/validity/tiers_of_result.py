"""What the methods of a result reach tier by tier: the mean of each score over the models of a tier."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundtruth.bench.model_tiers import base_and_tier
from groundtruth.bench.result import Result, Scores
from groundtruth.bench.result_data import environment
from groundtruth.files import to_json, write_whole
from groundtruth.validity.tier_scores import SCHEMA_VERSION, TierScores, read_tier_scores


def tier_scores(result: Result, scores: Sequence[str] | None = None, *, ablation: str = "") -> list[TierScores]:
    """Take the scores tier by tier; controls and language models are left out.

    A method counts on a tier only if it was scored on every model that any contestant was scored on there, so that all
    means are over the same models; models that a method cannot run on cost the tier no method that could.

    Args:
        result: Outcomes on compiled models and their variants.
        scores: Columns; by default those of the track that predict.
        ablation: Of which cells; empty in a track that cuts no edges, and for the first ablation there is.
    """
    track = result.track
    chosen = ablation or (result.ablations[0] if result.ablations else "")
    found: dict[str, dict[str, dict[str, list[dict[str, float | None]]]]] = {}
    for cell, outcome in result.outcomes:
        if not isinstance(outcome, Scores) or cell.ablation != chosen or cell.task or track.is_control(cell.method):
            continue
        places = found.setdefault(base_and_tier(cell.model)[1], {}).setdefault(cell.method, {})
        places.setdefault(cell.place, []).append(track.scoring.values(outcome))
    return [
        TierScores(tier, score, "lower" if score in track.lower_is_better else "higher", len(shared), values, shared)
        for tier, methods in found.items()
        for score in scores or track.scoring.predictors
        for shared, values in [_means(methods, score)]
        if values
    ]


def _means(
    methods: Mapping[str, Mapping[str, Sequence[Mapping[str, float | None]]]], score: str
) -> tuple[tuple[str, ...], dict[str, float]]:
    """The models, and the mean over them of each method that has a value on all of them."""
    values: dict[str, dict[str, float]] = {}
    for method, places in methods.items():
        for place, rows in places.items():
            known = [value for row in rows if (value := row.get(score)) is not None]
            if known:
                values.setdefault(method, {})[place] = statistics.fmean(known)
    shared = set[str]().union(*values.values()) if values else set[str]()
    means = {
        method: statistics.fmean(own[place] for place in shared)
        for method, own in values.items()
        if shared and own.keys() >= shared
    }
    return tuple(sorted(shared)), means


def write_tier_scores(result: Result, path: Path, *, scores: Sequence[str] | None = None) -> None:
    """Write the scores of a result tier by tier, with what they were measured on; tiers that it lacks stay in the file.

    Args:
        result: Outcomes on compiled models and their variants.
        path: The file, written whole or not at all.
        scores: Columns; by default those of the track that predict.
    """
    measured = tier_scores(result, scores)
    tiers = {one.tier for one in measured}
    kept = [one for one in read_tier_scores(path.stem, path.parent) if one.tier not in tiers]
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "track": result.track.name,
        "settings": dict(result.settings),
        "models": sorted({model for one in (*kept, *measured) for model in one.models}),
        "environment": environment(),
        "scores": [asdict(one) for one in (*kept, *measured)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_json(data))
