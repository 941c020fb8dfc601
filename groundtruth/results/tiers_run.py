"""A run on all tiers: the same methods on the same models, tier by tier, each hard in another way."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from groundtruth.errors import DomainError
from groundtruth.results.cell import Failed, Outcome, Skipped
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.model_tiers import TIER_NAMES, base_and_tier, mixtures
from groundtruth.results.result import Result
from groundtruth.store.catalog import LAYERNORM, TRAINED, shipped_layernorm, shipped_variants
from groundtruth.variants.tiers import DESCRIBED, MIXTURE, RAW, SUPERPOSED, TIERS

NOT_ON_ALL = (MIXTURE, LAYERNORM, SUPERPOSED.name)
"""Tiers that not every model has, after those that all have."""


@dataclass(frozen=True)
class Climb:
    """One method on every tier.

    Attributes:
        method: Its name.
        ablation: Kind of ablation of cut edges.
        models: The models that it was scored on at every tier that they have; the means are over these.
        values: AUROC against the live edges, by tier and model; ``None`` where it has none. On the tier ``superposed``,
            which not every model has, against edges that are live by witness: measured, not exact.
        rounded: The same of the scores in multiples of a millionth of the largest: what does not rest on rounding.
        n_exact: On how many of the models it recovered the live edges exactly, by tier with an exact truth.
        n_failed: On how many it failed, by tier.
        is_control: True if it is shown apart, and not ranked.
    """

    method: str
    ablation: str
    models: tuple[str, ...]
    values: Mapping[str, Mapping[str, float | None]]
    rounded: Mapping[str, Mapping[str, float | None]]
    n_exact: Mapping[str, int]
    n_failed: Mapping[str, int]
    is_control: bool = False

    @property
    def auroc(self) -> dict[str, float | None]:
        """Mean over the models, by tier."""
        return {tier: _mean(known.values()) for tier, known in self.values.items()}

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation over the models, by tier; 0 for one model."""
        return {tier: _deviation(known.values()) for tier, known in self.values.items()}

    @property
    def rounded_auroc(self) -> dict[str, float | None]:
        """Mean over the models of the AUROC of rounded scores, by tier."""
        return {tier: _mean(known.values()) for tier, known in self.rounded.items()}


def tier_models(models: Sequence[str] | None = None) -> list[str]:
    """Every tier of some models, as names: ``hist``, ``hist@rotated`` and so on; the last three where there are any.

    Args:
        models: Without ``@``; by default those that ship on every tier.

    Raises:
        DomainError: If a name is a trained model's, or a variant's already.
    """
    names = list(models) if models is not None else shipped_on_all_tiers()
    if trained := [name for name in names if base_and_tier(name)[1] == TRAINED]:
        raise DomainError(
            f"'{trained[0]}' is a trained model, and --tiers makes compiled ones harder. Name its program's model, "
            f"'{base_and_tier(trained[0])[0]}', or score it without --tiers: `groundtruth bench --models {trained[0]}`."
        )
    if wrong := [name for name in names if "@" in name]:
        raise DomainError(f"'{wrong[0]}' is a variant already; give --tiers models without '@'.")
    variants = {*shipped_variants(), *shipped_layernorm(), *mixtures()}
    tiers = {name: [*TIER_NAMES, *(tier for tier in NOT_ON_ALL if f"{name}@{tier}" in variants)] for name in names}
    return [name if tier == RAW else f"{name}@{tier}" for name in names for tier in tiers[name]]


def shipped_on_all_tiers() -> list[str]:
    """The shipped models that ship on every tier, sorted."""
    variants = set(shipped_variants())
    bases = sorted({name.partition("@")[0] for name in variants})
    return [base for base in bases if all(f"{base}@{tier}" in variants for tier in TIERS)]


def climbs(result: Result, ablation: str) -> list[Climb]:
    """Each method's scores tier by tier: by falling AUROC over the tiers with an exact truth, controls last."""
    found = [_climb(result, method, ablation) for method in result.methods]
    scored = [climb for climb in found if climb.models or any(climb.n_failed.values())]
    return sorted(scored, key=lambda climb: (climb.is_control, -(_mean(map(climb.auroc.get, TIER_NAMES)) or 0.0)))


def _climb(result: Result, method: str, ablation: str) -> Climb:
    tiers = tiers_of(result)
    exact_tiers = [tier for tier in TIER_NAMES if tier in tiers]
    rows: dict[str, dict[str, CircuitScores]] = {tier: {} for tier in tiers}
    without: set[tuple[str, str]] = set()
    failed = dict.fromkeys(tiers, 0)
    for cell, outcome in result.outcomes:
        if (cell.method, cell.ablation) != (method, ablation):
            continue
        base, tier = base_and_tier(cell.model)
        if isinstance(outcome, CircuitScores):
            rows[tier][base] = outcome
        elif isinstance(outcome, Failed):
            failed[tier] += 1
        elif _without_model(outcome):
            # No method is scored there: the model counts on its other tiers.
            without.add((base, tier))
    everywhere = [
        base for base in rows[RAW] if all(base in rows[tier] or (base, tier) in without for tier in exact_tiers)
    ]
    chosen = {tier: {base: rows[tier][base] for base in everywhere if base in rows[tier]} for tier in tiers}
    return Climb(
        method=method,
        ablation=ablation,
        models=tuple(everywhere),
        values={tier: {base: row.live and row.live.auroc for base, row in own.items()} for tier, own in chosen.items()},
        rounded={
            tier: {base: row.live and row.live.rounded_auroc for base, row in own.items()}
            for tier, own in chosen.items()
        },
        n_exact={tier: sum(row.live.exact for row in chosen[tier].values() if row.live) for tier in exact_tiers},
        n_failed=failed,
        is_control=result.is_control(method),
    )


def tiers_of(result: Result) -> tuple[str, ...]:
    """The tiers of a run: the usual ones unless no model of the run has one, and the others if any model has that."""
    there = {base_and_tier(model)[1] for model in result.models}
    run = {base_and_tier(cell.model)[1] for cell, outcome in result.outcomes if not _without_model(outcome)}
    usual = [tier for tier in TIER_NAMES if tier in run or tier not in there]
    return (*usual, *(tier for tier in NOT_ON_ALL if tier in run))


def _without_model(outcome: Outcome) -> bool:
    """True if no method could be scored, for a reason that the model has."""
    return isinstance(outcome, Skipped) and outcome.scope == "model"


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return statistics.fmean(known) if known else None


def _deviation(values: Iterable[float | None]) -> float:
    known = _known(values)
    return statistics.stdev(known) if len(known) > 1 else 0.0


def tier_data(result: Result) -> dict[str, Any]:
    """Return the tiers as JSON has them."""
    described = {RAW: "as compiled", **DESCRIBED}
    return {
        "tiers": {name: described[name] for name in tiers_of(result)},
        "climbs": [_climb_data(climb) for ablation in result.ablations for climb in climbs(result, ablation)],
    }


def _climb_data(climb: Climb) -> dict[str, Any]:
    means = {"auroc": climb.auroc, "spread": climb.spread, "rounded_auroc": climb.rounded_auroc}
    return {**asdict(climb), **means}
