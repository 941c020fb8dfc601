"""The validity of one score of a track: every tier against every reference, and the transfer score."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any

from groundtruth.errors import DomainError
from groundtruth.files import or_none
from groundtruth.results.result import Result
from groundtruth.results.track_tables import TABLES, VARIABLE_TABLES, TrackTables
from groundtruth.validity.agreement import TierAgreement, agreements
from groundtruth.validity.references import Reference, read_references
from groundtruth.validity.tier_scores import TierScores, read_tier_scores
from groundtruth.validity.tiers_of_result import tier_scores
from groundtruth.validity.transfer import Transfer, transfer_scores, transfers
from mib.errors import did_you_mean


@dataclass(frozen=True)
class ValidityReport:
    """What one score is worth.

    Attributes:
        track: Name of the track.
        score: Column of the track.
        scores: The score of the contestants, tier by tier.
        references: References that it is held against.
    """

    track: str
    score: str
    scores: tuple[TierScores, ...]
    references: tuple[Reference, ...]

    @cached_property
    def agreements(self) -> tuple[TierAgreement, ...]:
        """Each tier against each reference."""
        return tuple(agreements(self.scores, self.references))

    @cached_property
    def transfers(self) -> tuple[Transfer, ...]:
        """The transfer score tested on each reference."""
        return tuple(transfers(self.scores, self.references))


def validity_report(
    tables: TrackTables, scores: Sequence[TierScores], references: Sequence[Reference], score: str | None = None
) -> ValidityReport:
    """Hold a score on every tier against every reference.

    Args:
        tables: Tables of the track of the scores.
        scores: Scores of the contestants, tier by tier.
        references: Rankings of methods without a truth.
        score: Column of the track; by default the one that the verdict rests on.

    Raises:
        DomainError: If the score is no column whose validity is measured.
    """
    known = tables.scoring.validated
    chosen = known[0] if score is None else score
    if chosen not in known:
        raise DomainError(
            f"score='{chosen}' predicts nothing.{did_you_mean(chosen, known)} Choose from {', '.join(known)}."
        )
    own = tuple(one for one in scores if one.score == chosen)
    return ValidityReport(tables.name, chosen, own, tuple(references))


@cache
def shipped_report(track: str) -> ValidityReport | None:
    """Report on what was measured here for all built-in methods of a track; ``None`` if nothing ships.

    Raises:
        ArtifactError: If a file that ships is none of tier scores or references.
    """
    scores = read_tier_scores(track)
    return validity_report(TABLES[track], scores, read_references(track)) if scores else None


def result_transfer(result: Result, ablation: str) -> dict[str, float]:
    """Take the transfer score of each contestant of a result, as ``transfer_scores``; controls have none.

    Nothing is said of other questions than those that were measured (``asks_as_measured``).
    """
    own, measured = _as_measured(result, ablation)
    report = shipped_report(result.tables.name)
    return transfer_scores(own, measured, report.references) if own and report else {}


def result_report(result: Result, ablation: str) -> ValidityReport | None:
    """Report on the tiers that a result was run on, by the models that both have measured; else on all tiers.

    ``None`` if it asks another question than the one that was measured.
    """
    if not asks_as_measured(result, ablation):
        return None
    _, measured = _as_measured(result, ablation)
    report = shipped_report(result.tables.name)
    return validity_report(result.tables, measured, report.references, report.score) if measured and report else report


def _as_measured(result: Result, ablation: str) -> tuple[list[TierScores], list[TierScores]]:
    """The tiers of a result all of whose models were measured, and what was measured on these models."""
    report = shipped_report(result.tables.name)
    if report is None or not asks_as_measured(result, ablation):
        return [], []
    known = {one.tier: one for one in report.scores}
    found = tier_scores(result, [report.score], ablation=ablation)
    pairs = [(one, known[one.tier].on(one.models)) for one in found if one.tier in known]
    return [own for own, measured in pairs if measured], [measured for _, measured in pairs if measured]


def asks_as_measured(result: Result, ablation: str) -> bool:
    """Tell whether a result asks what was measured: variables, or edges under resample ablation."""
    edges = result.settings.get("level", "edge") == "edge" and ablation == "resample"
    return bool(result.compiled_scores(ablation)) and (edges or result.tables is VARIABLE_TABLES)


def learned_references(result: Result) -> list[Reference]:
    """Take the ranking of contestants on the learned models of a result, where they were run on any."""
    tables, date = result.tables, str(result.settings.get("date", "")) or "this result"
    models = sorted({cell.model for cell, _ in result.outcomes if cell.task})
    found: list[Reference] = []
    for column in tables.scoring.predicted:
        values = {
            summary.method: summary.columns[column].mean
            for summary in result.summaries(result.ablations[0] if result.ablations else "")
            if column in summary.columns and not summary.is_control
        }
        if len(values) > 1:
            name = f"{column.removeprefix('real_').replace('_', ' ')} on {', '.join(models)}"
            better = "lower" if column in tables.lower_is_better else "higher"
            found.append(
                Reference(name, tables.name, better, values, f"learned models {', '.join(models)}", "measured", date)
            )
    return found


def validity_data(report: ValidityReport) -> dict[str, Any]:
    """Write it as JSON has it; a tau or an end of an interval that is no number is null."""
    own = ("agreements", "transfers")
    data = asdict(report) | {name: [asdict(one) for one in getattr(report, name)] for name in own}
    for one in (*data["agreements"], *data["transfers"]):
        one["interval"] = [or_none(end) for end in one["interval"]]
    for one in data["transfers"]:
        one["equal_tau"] = or_none(one["equal_tau"])
        one["equal_interval"] = [or_none(end) for end in one["equal_interval"]]
    return {"schema_version": 1, **data}
