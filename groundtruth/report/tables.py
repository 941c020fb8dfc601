"""The table of a benchmark: methods by scores, the mean over models with its spread, the best of each column bold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.bench.results import LOWER_IS_BETTER, Result, Summary
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import scores, style
from groundtruth.report.real import legend_of, predictions_in_words, task_table, title_of
from groundtruth.report.scores import Column, best_of, bullets, entry, method_entry
from groundtruth.report.words import failures_in_words, past_the_truth_in_words, skipped_in_words, validity_in_words

LEGEND = "CPR, CMD: over every circuit size; MIB: as MIB has them, at ten sizes."

EXACT_COLUMNS = (
    Column("auroc", "AUROC", spread=True),
    Column("average_precision", "AP", spread=True),
    Column("f1", "F1\n@|C|"),
)
METRIC_COLUMNS = (
    Column("cpr", "CPR", spread=True, ranked=False),
    Column("cmd", "CMD", spread=True),
    Column("mib_cpr", "CPR\nMIB", ranked=False),
    Column("mib_cmd", "CMD\nMIB"),
)
REAL_COLUMNS = (Column("real_cpr", "CPR\nreal", ranked=False), Column("real_cmd", "CMD\nreal"))
"""On language models, beside those over compiled ones."""

LEFT_OUT_FOR_REAL = ("seconds",)
"""Columns that make room for these; the result files have them all."""

COST_COLUMNS = (Column("passes", "passes", ranked=False), Column("seconds", "s", ranked=False))


def bench_report(result: Result, *, own: str = "") -> RenderableType:
    """One table an ablation, with what it means in words.

    Args:
        result: What was run.
        own: The user's method, which is marked.
    """
    return Group(*(part for ablation in result.ablations for part in _of_ablation(result, ablation, own)))


def _of_ablation(result: Result, ablation: str, own: str) -> Iterator[RenderableType]:
    summaries = result.summaries(ablation)
    rows = result.rows(ablation)
    yield Text.assemble(
        ("Circuit localization", "heading"),
        f" · {title_of(result, ablation)} · ",
        (ablation, "name"),
        " ablation",
        *_settings(result),
    )
    yield bench_table(summaries, own=own)
    yield Text(" ".join([LEGEND, *legend_of(result, ablation), *_asked(result)]), "faint")
    if (tasks := task_table(result, ablation, summaries)) is not None:
        yield tasks
    lines = [
        *skipped_in_words(result, ablation),
        *validity_in_words(result.validity(ablation)),
        *predictions_in_words(result.predictions(ablation)),
        *past_the_truth_in_words(rows),
        *failures_in_words(rows, own=own),
    ]
    yield Padding(bullets(lines), (0, 0, 1, 0))


def _settings(result: Result) -> Iterator[tuple[str, str]]:
    wanted = ("level", "seed", "dtype", "device")
    parts = [f"{key} {result.settings[key]}" for key in wanted[:2] if key in result.settings]
    parts += [str(result.settings[key]) for key in wanted[2:] if key in result.settings]
    if parts:
        yield (" · " + " · ".join(parts), "faint")


def _asked(result: Result) -> Iterator[str]:
    """What was asked for that is not the default: hyper-parameters of the method, prompts of one's own."""
    settings = result.settings
    if settings.get("parameters"):
        given = ", ".join(f"{name}={value}" for name, value in settings["parameters"].items())
        yield f"{style.method_name(settings['method'])} with {given}."
    if settings.get("data"):
        yield f"Prompts of language models: {settings['data']}."


def bench_table(summaries: Sequence[Summary], *, own: str = "") -> Table:
    """Methods by scores."""
    found = {name for summary in summaries for name in summary.columns}
    columns = [c for c in (*EXACT_COLUMNS, *METRIC_COLUMNS, *REAL_COLUMNS, *COST_COLUMNS) if c.name in found]
    if any(column in REAL_COLUMNS for column in columns):
        columns = [_narrow(c) for c in columns if c.name not in LEFT_OUT_FOR_REAL]
    made = style.table(padding=(0, 1, 0, 0))
    made.add_column("method", no_wrap=True)
    for column in columns:
        made.add_column(column.heading, justify="right", no_wrap=True)
        if column.name == "f1":
            made.add_column("exact", justify="right", no_wrap=True)
    best = {column.name: best_of(summaries, column, lower=LOWER_IS_BETTER) for column in columns}
    exact = max((s.n_exact for s in summaries if s.method != ORACLE), default=0)
    for summary in summaries:
        cells = [method_entry(summary, own)]
        for column in columns:
            cells.append(entry(summary, column, best[column.name], counted="passes"))
            if column.name == "f1":
                is_best = summary.n_exact == exact > 0 and summary.method != ORACLE
                cells.append(Text(f"{summary.n_exact}/{summary.n_models}", "best" if is_best else ""))
        made.add_row(*cells, style="faint" if summary.method == ORACLE else "")
    return made


def _narrow(column: Column) -> Column:
    """The spread of but the first column of each kind is left out where space is short."""
    return replace(column, spread=False) if column.name == "average_precision" else column


def ending(result: Result, paths: Sequence[Path]) -> RenderableType:
    """What failed, how long it took, where it is written, and what to do next."""
    return scores.ending(
        [f"{cell.method} on {cell.model}, {cell.ablation}: {failed.error}" for cell, failed in result.failures],
        paths,
        n_cells=len(result.outcomes),
        seconds=result.seconds,
        known=result.settings.get("known", 0),
        following="groundtruth show NAME · groundtruth score my_file.py:my_method",
    )
