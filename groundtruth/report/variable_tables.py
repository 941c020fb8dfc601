"""The table of the variable track: methods by interchange accuracy, exact scores and controls."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.bench.variable_results import VariableResult, VariableSummary
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import scores, style
from groundtruth.report.real_variables import REAL_LEGEND, place_table, real_legend, variable_title
from groundtruth.report.scores import Column, best_of, bullets, entry, method_entry
from groundtruth.report.variable_words import words

LEGEND = (
    "IIA: interchange accuracy on pairs that a no-op gets wrong; iso: on isolation pairs. Exact: recall and precision "
    "of the subspace; inside: share of what is moved that is the variable's. Controls, where there is nothing to find: "
    "IIA on shuffled weights, arbitrary labels, a variant program; gap: IIA less the highest of these. ±: over seeds."
)

COLUMNS = (
    Column("accuracy", "IIA", spread=True, ranked=False),
    Column("isolation", "iso", ranked=False),
    Column("recall", "re-\ncall", ranked=False),
    Column("precision", "preci-\nsion", spread=True),
    Column("inside", "in-\nside"),
    Column("rank", "rank", ranked=False),
    Column("shuffled", "shuf-\nfled", ranked=False),
    Column("arbitrary", "arbi-\ntrary", ranked=False),
    Column("variant", "variant", ranked=False),
    Column("selectivity", "gap"),
    Column("real_accuracy", "IIA\nreal", ranked=False),
    Column("real_mib", "MIB\nreal", ranked=False),
)

LEFT_OUT_FOR_REAL = ("rank", "variant")
"""Columns that make room for those of language models; the result files have them all."""

REAL_COLUMNS = (
    Column("accuracy", "IIA", spread=True),
    Column("isolation", "iso", ranked=False),
    Column("mib_mean", "MIB\nmean", ranked=False),
    Column("mib_best", "MIB\nbest", ranked=False),
    Column("rank", "rank", ranked=False),
    Column("shuffled", "shuf-\nfled", ranked=False),
    Column("arbitrary", "arbi-\ntrary", ranked=False),
    Column("selectivity", "gap"),
    Column("seconds", "s", ranked=False),
)
"""Where only language models were scored, of which no truth is known."""


def variable_report(result: VariableResult, *, own: str = "") -> RenderableType:
    """The table, with what it means in words.

    Args:
        result: What was run.
        own: The user's method, which is marked.
    """
    return Group(*_parts(result, own))


def _parts(result: VariableResult, own: str) -> Iterator[RenderableType]:
    summaries = result.summaries()
    settings = [str(result.settings[key]) for key in ("dtype", "device") if key in result.settings]
    yield Text.assemble(
        ("Variable localization", "heading"),
        f" · {variable_title(result)} · {style.plural(len(result.seeds), 'seed')}",
        (f" from {min(result.seeds, default=0)} · {' · '.join(settings)}", "faint"),
    )
    yield variable_table(summaries, own=own)
    yield Text(legend(result), "faint")
    if (places := place_table(result, summaries)) is not None:
        yield places
    yield Padding(bullets(words(result, own=own)), (0, 0, 1, 0))


def legend(result: VariableResult) -> str:
    """What the columns are."""
    return " ".join([LEGEND, *real_legend(result)]) if result.has_compiled else REAL_LEGEND


def columns_of(summaries: Sequence[VariableSummary], more: Sequence[Column] = ()) -> list[Column]:
    """The columns that have a value: of compiled models with those of language models beside them, or of these alone.

    Args:
        summaries: The rows.
        more: Further columns, behind these.
    """
    known = {name for summary in summaries for name in summary.columns}
    chosen = COLUMNS if "illusion" in known or not known else REAL_COLUMNS
    shown = {column.name for column in chosen}
    return [c for c in (*chosen, *(c for c in more if c.name not in shown)) if c.name in known]


def variable_table(summaries: Sequence[VariableSummary], *, own: str = "") -> Table:
    """Methods by scores; methods that find no subspace below those that do."""
    columns = columns_of(summaries)
    if any(column.name == "real_accuracy" for column in columns):
        columns = [replace(c, spread=c.name == "accuracy") for c in columns if c.name not in LEFT_OUT_FOR_REAL]
    compiled = any(column.name == "inside" for column in columns)
    made = style.table(padding=(0, 1, 0, 0))
    made.add_column("method", no_wrap=True)
    for column in columns:
        made.add_column(column.heading, justify="right", no_wrap=True)
    if compiled:
        made.add_column("illu-\nsion", justify="right", no_wrap=True)
    for index, summary in enumerate(summaries):
        cells = [method_entry(summary, own)]
        cells += [entry(summary, column, best_of(summaries, column), counted="rank") for column in columns]
        if compiled:
            cells.append(Text(f"{summary.n_illusions}/{summary.n_rows}", "bad" if summary.n_illusions else "faint"))
        last = index + 1 < len(summaries) and summary.linear and not summaries[index + 1].linear
        made.add_row(*cells, style="faint" if summary.method == ORACLE else "", end_section=last)
    return made


def variable_ending(result: VariableResult, paths: Sequence[Path]) -> RenderableType:
    """What failed, how long it took, where it is written, and what to do next."""
    return scores.ending(
        [f"{cell.method} on {cell.place}, seed {cell.seed}: {failed.error}" for cell, failed in result.failures],
        paths,
        n_cells=len(result.outcomes),
        seconds=result.seconds,
        known=result.settings.get("known", 0),
        following="groundtruth show NAME --variables · groundtruth score my_file.py:my_method --track variables",
    )
