"""Result files: JSON with everything, CSV with a line a row, Markdown with the table."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundtruth.bench.results import LOWER_IS_BETTER, Result, Summary, as_data, flat_rows
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.files import to_json, write_whole
from groundtruth.report import style
from groundtruth.report.real import legend_of, predictions_in_words, title_of
from groundtruth.report.tables import COST_COLUMNS, EXACT_COLUMNS, LEGEND, METRIC_COLUMNS, REAL_COLUMNS
from groundtruth.report.words import failures_in_words, past_the_truth_in_words, skipped_in_words, validity_in_words


def write_result(result: Result, folder: Path, name: str) -> list[Path]:
    """Write ``name.json``, ``name.csv`` and ``name.md``, each whole or not at all.

    Args:
        result: What was run.
        folder: Made if it is not there.
        name: Without suffix.
    """
    contents = {
        "json": to_json(as_data(result)),
        "csv": as_csv(result).encode(),
        "md": as_markdown(result).encode(),
    }
    return write_contents(contents, folder, name)


def write_contents(contents: Mapping[str, bytes], folder: Path, name: str) -> list[Path]:
    """Write the forms of a result, by their suffix, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_whole(path, content)
    return paths


def as_csv(result: Result) -> str:
    """One line for each method on each model under each ablation."""
    rows = flat_rows(result.rows())
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else ["method", "model"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_markdown(result: Result) -> str:
    """The tables, with the words below them."""
    parts: list[str] = []
    for ablation in result.ablations:
        rows = result.rows(ablation)
        parts.append(f"### Circuit localization: {title_of(result, ablation)}, {ablation} ablation\n")
        parts.append(_table(result.summaries(ablation)))
        parts.append(" ".join([LEGEND, *legend_of(result, ablation)]) + "\n")
        words = [
            *skipped_in_words(result, ablation),
            *validity_in_words(result.validity(ablation)),
            *predictions_in_words(result.predictions(ablation)),
            *past_the_truth_in_words(rows),
            *failures_in_words(rows),
        ]
        parts.append("".join(f"- {line.plain}\n" for line in words))
    settings = ", ".join(f"{key} {value}" for key, value in result.settings.items() if value is not None)
    return "\n".join([*parts, f"Settings: {settings}."]) + "\n"


def _table(summaries: list[Summary]) -> str:
    found = {name for summary in summaries for name in summary.columns}
    real = [column for column in REAL_COLUMNS if column.name in found]
    columns = [*EXACT_COLUMNS, *METRIC_COLUMNS, *real, *COST_COLUMNS]
    lines = [["method", *(c.heading.replace("\n", " ").replace("|", "\\|") for c in columns), "exact"]]
    lines.append(["---", *("---:" for _ in columns), "---:"])
    for summary in summaries:
        cells = [_entry(summary, column.name, summaries, spread=column.spread) for column in columns]
        lines.append([f"`{summary.method}`", *cells, _exactly(summary)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _exactly(summary: Summary) -> str:
    """On how many models the live edges are recovered; nothing where no truth is known."""
    return f"{summary.n_exact}/{summary.n_models}" if "f1" in summary.columns else "–"


def _entry(summary: Summary, name: str, summaries: list[Summary], *, spread: bool) -> str:
    own: Any = summary.columns.get(name)
    if own is None:
        return "–"
    values = [s.columns[name].mean for s in summaries if name in s.columns and s.method != ORACLE]
    best = (min if name in LOWER_IS_BETTER else max)(values) if values else None
    text = style.number(own.mean) + (f" ±{own.std:.2f}" if spread else "")
    ranked = name not in ("cpr", "mib_cpr", "real_cpr", "passes", "seconds")
    is_best = ranked and best is not None and style.number(own.mean) == style.number(best) and summary.method != ORACLE
    return f"**{text}**" if is_best else text
