"""What the methods of a result reach tier by tier: the mean of each score over the models of a tier."""

import statistics
from collections.abc import Mapping, Sequence

from groundtruth.results.result import Result, Scores, tier_of
from groundtruth.results.summary import column_mean
from groundtruth.validity.tier_scores import TierScores


def tier_scores(result: Result, scores: Sequence[str] | None = None, *, ablation: str = "") -> list[TierScores]:
    """Take the scores tier by tier; controls and language models are left out.

    A method counts on a tier only if it was scored on every model that any contestant was scored on there, so that all
    means are over the same models; models that a method cannot run on cost the tier no method that could.

    Args:
        result: Outcomes on compiled models and their variants.
        scores: Columns; by default those of the track whose validity is measured.
        ablation: Ablation of the cells; empty in a track that cuts no edges, and for the first ablation there is.
    """
    tables = result.tables
    chosen = ablation or (result.ablations[0] if result.ablations else "")
    found: dict[str, dict[str, dict[str, list[dict[str, float | None]]]]] = {}
    for cell, outcome in result.outcomes:
        if not isinstance(outcome, Scores) or cell.ablation != chosen or cell.task or result.is_control(cell.method):
            continue
        places = found.setdefault(tier_of(outcome), {}).setdefault(cell.method, {})
        places.setdefault(cell.place, []).append(tables.scoring.values(outcome))
    return [
        TierScores(
            tier=tier,
            score=score,
            better="lower" if score in tables.lower_is_better else "higher",
            n_models=len(shared),
            values={method: column_mean(score, own.values()) for method, own in values.items()},
            models=shared,
            by_place=values,
        )
        for tier, methods in found.items()
        for score in scores or tables.scoring.validated
        for shared, values in [_shared_values(methods, score)]
        if values
    ]


def _shared_values(
    methods: Mapping[str, Mapping[str, Sequence[Mapping[str, float | None]]]], score: str
) -> tuple[tuple[str, ...], dict[str, dict[str, float]]]:
    """The models, and what each method that has a value on all of them reaches on each, over seeds."""
    values: dict[str, dict[str, float]] = {}
    for method, places in methods.items():
        for place, rows in places.items():
            known = [value for row in rows if (value := row.get(score)) is not None]
            if known:
                values.setdefault(method, {})[place] = statistics.fmean(known)
    shared = sorted(set[str]().union(*values.values())) if values else []
    complete = {
        method: {place: own[place] for place in shared} for method, own in values.items() if {*own} == {*shared}
    }
    return tuple(shared), complete
