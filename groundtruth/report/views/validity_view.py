"""What a verdict is worth, as tables: tiers by references, and the transfer score on what it has not seen."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.markdown import markdown_list, markdown_table, markdown_text
from groundtruth.report.terminal import bullets
from groundtruth.report.views.rank_sentences import mood
from groundtruth.results.track_tables import CIRCUIT_TABLES
from groundtruth.validity.agreement import LEAST_METHODS, TierAgreement
from groundtruth.validity.references import Reference
from groundtruth.validity.transfer import Transfer
from groundtruth.validity.validity_report import ValidityReport, shipped_report

TITLE = "What is the verdict worth?"

LEGEND = (
    "Kendall's tau between the rank of methods by a score on a tier and their rank by a reference, with the 95 % "
    "interval by bootstrap over methods; controls are left out."
)

_TRUST = {
    "paper": "read in the publication",
    "secondary": "taken from transcriptions, not from the paper",
    "measured": "measured here",
}


def validity_view(report: ValidityReport, *, wide: bool = False) -> RenderableType:
    """Print how far each tier ranks methods as each reference, and what the transfer score predicts.

    Args:
        report: Findings.
        wide: Keep every column, however long the lines become.
    """
    title = Text.assemble((TITLE, "heading"), f" · track of {report.track} · by {report.score}")
    parts: list[RenderableType] = [title]
    if report.agreements:
        parts += [_table(report, wide), Text(LEGEND, "faint")]
    else:
        parts.append(Text(f"No reference shares {LEAST_METHODS} methods with this result.", "warn"))
    sentences = map(Text, [*transfer_sentences(report.transfers), *_without_row(report), *_about(report.references)])
    return Group(*parts, Padding(bullets(sentences), (0, 0, 1, 0)))


def validity_markdown(report: ValidityReport) -> str:
    """Write the same as Markdown."""
    title = f"### {markdown_text(f'{TITLE} Track of {report.track}, by {report.score}')}"
    tiers, rows = _grid(report.agreements)
    table = markdown_table(["reference", "methods", *tiers], [[markdown_text(cell) for cell in row] for row in rows])
    words = markdown_list([*transfer_sentences(report.transfers), *_without_row(report), *_about(report.references)])
    return "\n\n".join([title, table if rows else "No reference shares enough methods.", LEGEND, words]) + "\n"


def transfer_sentences(found: Iterable[Transfer]) -> list[str]:
    """Say what the transfer score predicts, one reference that was left out a line."""
    return [
        f"Transfer score against {one.reference}, which it was not fitted to: tau {one.tau:.2f} "
        f"({_interval(one.interval)}, {notation.plural(len(one.methods), 'method')}); tiers weighted "
        f"{_weights(one.weights)}. All tiers alike, fitted to nothing: {one.equal_tau:.2f} "
        f"({_interval(one.equal_interval)})."
        for one in found
    ]


def verdict_sentence(report: ValidityReport | None) -> list[Text]:
    """Say in one line what a verdict of a track is worth; in none if that was not measured.

    Args:
        report: Measurements of all built-in methods, on the tiers of a table or on all.
    """
    headlines = [one.name for one in report.references if one.headline] if report else []
    shown = [one for one in (report.transfers if report else ()) if one.reference in headlines]
    if report is None or not shown:
        return []
    tiers, whole = len({one.tier for one in report.scores}), report is shipped_report(report.track)
    subject = f"{'All ' if whole else 'Its '}{notation.plural(tiers, 'tier')}, weighted by other references, "
    text = Text().append(f"{TITLE} ").append(f"{subject}{'ranks' if tiers == 1 else 'rank'} methods as ", "faint")
    for index, one in enumerate(shown):
        text.append("; as " if index else "").append(f"{one.reference} does: tau ").append(
            f"{one.tau:.2f}", mood(one.tau)
        )
        n = notation.plural(len(one.methods), "method")
        text.append(f" ({_interval(one.interval)}, {n}; all tiers alike: {one.equal_tau:.2f})", "faint")
    track = f" --track {report.track}" if report.track != CIRCUIT_TABLES.name else ""
    return [text.append(f". `groundtruth validity{track}` has every tier.", "faint")]


def _weights(weights: Mapping[str, float]) -> str:
    shown = sorted(((weight, tier) for tier, weight in weights.items() if weight >= 0.005), reverse=True)
    return ", ".join(f"{tier} {weight:.2f}" for weight, tier in shown)


def _without_row(report: ValidityReport) -> list[str]:
    """Say which references have no row, because they rank too few of the methods that were measured."""
    measured = set[str]().union(*(one.values for one in report.scores))
    shown = {one.reference for one in report.agreements}
    counts = {one.name: len(measured & {*one.values}) for one in report.references if one.name not in shown}
    return [
        f"No row for {name}: it ranks {notation.plural(n, 'method')} that {'was' if n == 1 else 'were'} measured here, "
        f"and {LEAST_METHODS} are needed."
        for name, n in counts.items()
        if n < LEAST_METHODS
    ]


def _about(references: Sequence[Reference]) -> list[str]:
    """Say of every source what it is and how it came here."""
    sources: dict[tuple[str, str, str, str], None] = {(r.source, r.trust, r.date, r.note): None for r in references}
    return [f"{source}: {_TRUST[trust]}, {date}. {note}".strip() for source, trust, date, note in sources]


def _table(report: ValidityReport, wide: bool) -> FittedTable:
    tiers, rows = _grid(report.agreements)
    columns = [TableColumn("reference", yields="wraps", least=20), TableColumn("methods", right=True, priority=0)]
    columns += [TableColumn(tier, right=True, priority=index, name=tier) for index, tier in enumerate(tiers, 1)]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for row in rows:
        table.add_row(*row)
    return table


def _grid(found: Sequence[TierAgreement]) -> tuple[list[str], list[list[str]]]:
    """The tiers, and a row a reference: its name, how many methods, and tau with its interval on each tier."""
    tiers = list(dict.fromkeys(one.tier for one in found))
    by_place = {(one.reference, one.tier): one for one in found}
    rows: list[list[str]] = []
    for reference in dict.fromkeys(one.reference for one in found):
        own = [by_place.get((reference, tier)) for tier in tiers]
        counts = sorted({len(one.methods) for one in own if one})
        rows.append([reference, "-".join(map(str, dict.fromkeys([counts[0], counts[-1]]))), *map(_entry, own)])
    return tiers, rows


def _entry(one: TierAgreement | None) -> str:
    return notation.NONE if one is None else f"{one.tau:.2f} ({_interval(one.interval)})"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.2f} to {interval[1]:.2f}"
