"""What methods reach tier by tier, as values and as the files that ship."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.results.summary import column_mean

SHIPPED = Path(__file__).parent / "tier_scores"
"""Folder of what was measured here for all built-in methods, a file a track."""

SCHEMA_VERSION = 1

LEAST_MODELS = 2
"""On fewer models of a tier, methods are not ranked."""


@dataclass(frozen=True)
class TierScores:
    """One score of the contestants on one tier.

    Attributes:
        tier: Name of the tier.
        score: Column of the track.
        better: Whether higher or lower values are better.
        n_models: On how many models, or variables at sites.
        values: Mean of each method over those models.
        models: Their names; none where a file does not say.
        by_place: Score of each method on each of them; none where a file does not say.
    """

    tier: str
    score: str
    better: str
    n_models: int
    values: Mapping[str, float]
    models: tuple[str, ...] = ()
    by_place: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    def on(self, models: Sequence[str]) -> "TierScores | None":
        """Take the same over some of the models alone; ``None`` if what methods reach on one of them is not known.

        Args:
            models: Names of models, or of variables at sites.
        """
        if {*models} == {*self.models}:
            return self
        if not self.by_place or len(models) < LEAST_MODELS or not {*models} <= {*self.models}:
            return None
        kept = {method: {name: own[name] for name in models} for method, own in self.by_place.items()}
        values = {method: column_mean(self.score, own.values()) for method, own in kept.items()}
        return replace(self, n_models=len(models), values=values, models=tuple(sorted(models)), by_place=kept)

    @property
    def goodness(self) -> dict[str, float]:
        """The means, turned so that higher is better."""
        sign = -1.0 if self.better == "lower" else 1.0
        return {method: sign * value for method, value in self.values.items()}


def read_tier_scores(track: str, folder: Path = SHIPPED) -> list[TierScores]:
    """Read what was measured for all built-in methods of a track; nothing if nothing ships.

    Raises:
        ArtifactError: If the file is none of tier scores.
    """
    path = folder / f"{track}.json"
    if not path.is_file():
        return []
    try:
        data = _FILE.validate_json(path.read_bytes())
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {data['schema_version']!r}; this version reads {SCHEMA_VERSION}")
        return list(_SCORES.validate_python(data["scores"]))
    except (OSError, ValidationError, ValueError, KeyError) as error:
        first = str(error).strip().replace("\n", " ")
        raise ArtifactError(f"{path} is no file of tier scores: {first}") from error


def with_measured(before: Sequence[TierScores], measured: Iterable[TierScores]) -> list[TierScores]:
    """Put what was measured later in the place of what was known before.

    Tiers that were not measured stay, and so do other methods on a tier of the same models. Of a tier that was measured
    on other models nothing stays.

    Args:
        before: Scores known before; their order is kept.
        measured: Scores measured later.
    """
    found = {(one.tier, one.score): one for one in measured}
    tiers = {tier for tier, _ in found}
    kept: dict[tuple[str, str], TierScores] = {}
    for one in before:
        new = found.get((one.tier, one.score))
        if new is not None and one.models == new.models:
            values, by_place = {**one.values, **new.values}, {**one.by_place, **new.by_place}
            # Of a method whose places are not known, nothing could be said on some of them alone.
            new = replace(new, values=values, by_place=by_place if {*by_place} == {*values} else {})
        if new is not None or one.tier not in tiers:
            kept[one.tier, one.score] = new or one
    return [*kept.values(), *(one for key, one in found.items() if key not in kept)]


_FILE = TypeAdapter(dict[str, Any])
_SCORES: TypeAdapter[Iterable[TierScores]] = TypeAdapter(list[TierScores])
