"""What the page of a result of the variable track holds beside its tables: the accuracy at every place."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from groundtruth.report import notation
from groundtruth.report.figure import Chart
from groundtruth.report.section import Details, HeatCell, HeatMap
from groundtruth.report.views.circuit_details import NO_PAGES
from groundtruth.report.views.result_figures import result_figures
from groundtruth.results.cell import Failed, Skipped
from groundtruth.results.result import Result
from groundtruth.results.variable_scores import VariableScores


def variable_details(result: Result, *, pages: Mapping[str, str] = NO_PAGES) -> list[Details]:
    """Detail the one section of ``variable_sections``; no edge is ranked, so that no page of the explorer is linked."""
    charts = tuple(one for one in result_figures(result) if isinstance(one, Chart))
    return [Details(_heat_map(result), tuple(dict.fromkeys(_not_scored(result))), charts=charts)]


def _heat_map(result: Result) -> HeatMap:
    found: dict[tuple[str, str], list[VariableScores]] = {}
    for row in result.scores():
        found.setdefault((row.method, _place(row)), []).append(row)
    places = list(dict.fromkeys(place for _, place in found))
    lines = tuple(
        (summary.method, tuple(_cell(found.get((summary.method, place))) for place in places))
        for summary in result.summaries()
    )
    return HeatMap("Interchange accuracy by place (the mean over seeds)", tuple(places), lines)


def _place(row: VariableScores) -> str:
    return f"{row.subject}:{row.variable}@{row.site}"


def _cell(seeds: Sequence[VariableScores] | None) -> HeatCell | None:
    if not seeds:
        return None
    value = fmean(row.accuracy for row in seeds)
    detail = f"{', '.join(notation.number(row.accuracy) for row in seeds)} by seed"
    families = ", ".join(f"{family.name} {family.accuracy:.2f}" for family in seeds[0].families)
    detail += f"; seed {seeds[0].seed} on all pairs of {families}" if families else ""
    return HeatCell(_place(seeds[0]), notation.number(value), round(55 * max(0.0, min(1.0, value))), detail)


def _not_scored(result: Result) -> Iterator[str]:
    for cell, outcome in result.outcomes:
        if isinstance(outcome, Failed):
            yield f"failed: {cell.method} on {cell.place}, seed {cell.seed}: {outcome.error}"
        elif isinstance(outcome, Skipped):
            where = cell.place if outcome.scope == "model" else f"{cell.method} on {cell.place}"
            yield f"left out: {where}: {outcome.reason}"
