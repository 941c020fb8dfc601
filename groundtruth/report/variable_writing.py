"""Result files of the variable track: JSON with everything, CSV with a line a row, Markdown with the table."""

import csv
import io
from pathlib import Path

from groundtruth.bench.variable_results import VariableResult, VariableSummary, flat_variable_rows, variable_data
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.files import to_json
from groundtruth.report import style
from groundtruth.report.scores import Column, best_of
from groundtruth.report.variable_tables import columns_of, legend
from groundtruth.report.variable_words import words
from groundtruth.report.writing import write_contents

MORE = (
    Column("f1", "F1"),
    Column("natural", "natural", ranked=False),
    Column("carried", "carried", ranked=False),
    Column("disentangle", "IIA+iso", ranked=False),
    Column("mib_mean", "MIB mean", ranked=False),
    Column("mib_best", "MIB best", ranked=False),
    Column("real_isolation", "iso real", ranked=False),
    Column("real_mib_mean", "MIB mean real", ranked=False),
    Column("real_mib_best", "MIB best real", ranked=False),
    Column("real_selectivity", "gap real", ranked=False),
    Column("real_rank", "rank real", ranked=False),
    Column("seconds", "s", ranked=False),
)
"""What is left out on the screen."""


def write_variable_result(result: VariableResult, folder: Path, name: str) -> list[Path]:
    """Write ``name.json``, ``name.csv`` and ``name.md``, each whole or not at all.

    Args:
        result: What was run.
        folder: Made if it is not there.
        name: Without suffix.
    """
    contents = {
        "json": to_json(variable_data(result)),
        "csv": variable_csv(result).encode(),
        "md": variable_markdown(result).encode(),
    }
    return write_contents(contents, folder, name)


def variable_csv(result: VariableResult) -> str:
    """One line for each method, variable, site and seed."""
    rows, buffer = flat_variable_rows(result), io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else ["method", "model"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def variable_markdown(result: VariableResult) -> str:
    """The table, with the words below it."""
    summaries = result.summaries()
    columns = columns_of(summaries, MORE)
    headings = [column.heading.replace("-\n", "").replace("\n", " ") for column in columns]
    last = ["illusions"] if result.has_compiled else []
    lines = [["method", *headings, *last], ["---", *("---:" for _ in [*columns, *last])]]
    for summary in summaries:
        cells = [_entry(summary, column, best_of(summaries, column)) for column in columns]
        illusions = [f"{summary.n_illusions}/{summary.n_rows}"] if result.has_compiled else []
        lines.append([f"`{summary.method}`", *cells, *illusions])
    settings = ", ".join(f"{key} {value}" for key, value in result.settings.items() if value is not None)
    return "\n".join(
        [
            f"### Variable localization: {', '.join(result.places)}\n",
            "".join(f"| {' | '.join(line)} |\n" for line in lines),
            f"{legend(result)}\n",
            "".join(f"- {line.plain}\n" for line in words(result)),
            f"Settings: {settings}.\n",
        ]
    )


def _entry(summary: VariableSummary, column: Column, best: str) -> str:
    spread = summary.columns.get(column.name)
    if spread is None:
        return "–"
    shown = style.number(spread.mean)
    text = shown + (f" ±{spread.std:.2f}" if column.spread else "")
    return f"**{text}**" if shown == best and summary.method != ORACLE else text
