"""A result file as one HTML page that needs nothing else: tables, scores by model, wrong edges, true circuits."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console

from groundtruth.bench.cells import SCHEMA_VERSION
from groundtruth.bench.results import LOWER_IS_BETTER
from groundtruth.errors import ArtifactError
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.model import load
from groundtruth.report import style
from groundtruth.report.scores import Column
from groundtruth.report.tables import COST_COLUMNS, EXACT_COLUMNS, LEGEND, METRIC_COLUMNS
from groundtruth.report.tree import CircuitTree
from groundtruth.store.catalog import shipped

COLUMNS = (*EXACT_COLUMNS, *METRIC_COLUMNS, *COST_COLUMNS)
WIDTH = 120
"""Columns of text that a circuit's tree may take."""


def read_result(path: Path) -> dict[str, Any]:
    """The data of a result file of ``groundtruth bench`` or ``score``.

    Raises:
        ArtifactError: If it is no such file, or of another schema.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}. Name a .json file that bench wrote.") from None
    except ValueError as error:
        raise ArtifactError(f"{path} is no JSON: {error}.") from None
    wanted = ("schema_version", "settings", "environment", "summaries", "metric_validity", "cells")
    missing = [key for key in wanted if not isinstance(data, dict) or key not in data]
    if missing:
        raise ArtifactError(f"{path} is no result of localization methods: it has no '{missing[0]}'.")
    if data["schema_version"] != SCHEMA_VERSION:
        raise ArtifactError(f"{path} has schema_version {data['schema_version']}; this version reads {SCHEMA_VERSION}.")
    return data


def result_page(data: Mapping[str, Any]) -> str:
    """The page.

    Args:
        data: What ``read_result`` gives.

    Raises:
        ArtifactError: If an entry that is read is missing.
    """
    template = Environment(
        loader=PackageLoader("groundtruth.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html.j2")  # fmt: skip
    try:
        ablations = list(dict.fromkeys(cell["cell"]["ablation"] for cell in data["cells"]))
        sections = [_section(data, ablation) for ablation in ablations]
        return template.render(data=data, sections=sections, legend=LEGEND, duration=style.duration(data["seconds"]))
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"the result is incomplete: {error}. Run the benchmark again.") from error


def _section(data: Mapping[str, Any], ablation: str) -> dict[str, Any]:
    cells = [cell for cell in data["cells"] if cell["cell"]["ablation"] == ablation]
    rows = [cell for cell in cells if cell["outcome"] == "scored"]
    summaries = [summary for summary in data["summaries"] if summary["ablation"] == ablation]
    models = list(dict.fromkeys(map(_subject, rows)))
    return {
        "ablation": ablation,
        "columns": [column.heading.replace("\n", " ") for column in COLUMNS],
        "summaries": [_summary(summary, summaries) for summary in summaries],
        "validity": [entry for entry in data["metric_validity"] if entry["ablation"] == ablation],
        "models": models,
        "matrix": [(summary["method"], _by_model(summary["method"], rows, models)) for summary in summaries],
        "wrong": [row for row in rows if row["truth"] and row["truth"]["wrong"]],
        "failures": [cell for cell in cells if cell["outcome"] == "failed"],
        "skipped": [cell for cell in cells if cell["outcome"] == "skipped"],
        "trees": list(_trees(rows)),
    }


def _summary(summary: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    entries = [_entry(summary, column, others) for column in COLUMNS]
    exact = f"{summary['n_exact']}/{summary['n_models']}"
    return {"method": summary["method"], "entries": entries, "exact": exact, "failed": summary["n_failed"]}


def _entry(summary: Mapping[str, Any], column: Column, others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is printed for a column, and whether it is the best of the methods that are given no truth."""
    found = summary["columns"].get(column.name)
    if found is None:
        return {"text": "–", "best": False}
    means = [o["columns"][column.name]["mean"] for o in others if o["method"] != ORACLE and column.name in o["columns"]]
    text = style.count(found["mean"]) if column.name == "passes" else style.number(found["mean"])
    best = style.number((min if column.name in LOWER_IS_BETTER else max)(means, default=0.0))
    is_best = column.ranked and summary["method"] != ORACLE and style.number(found["mean"]) == best
    return {"text": text + (f" ±{found['std']:.2f}" if column.spread else ""), "best": is_best}


def _by_model(method: str, rows: Sequence[Mapping[str, Any]], models: Sequence[str]) -> list[dict[str, Any] | None]:
    """A method's AUROC on each model (CPR where there is no truth), with the interval of its CPR."""
    own = {_subject(row): row for row in rows if row["cell"]["method"] == method}
    return [_cell(own[model]) if model in own else None for model in models]


def _subject(row: Mapping[str, Any]) -> str:
    """A model; a language model with its task."""
    return f"{row['model']}/{row['task']}" if row.get("task") else row["model"]


def _cell(row: Mapping[str, Any]) -> dict[str, Any]:
    live = row["truth"] and row["truth"]["live"]
    auroc = live and live["auroc"]
    value = row["cpr"] if auroc is None else auroc
    low, high = row["cpr_interval"]
    title = f"{row['cell']['method']} on {_subject(row)}: CPR {row['cpr']:.3f} ({low:.3f} to {high:.3f})"
    title += f", CMD {row['cmd']:.3f}, {row['forward'] + row['backward']:.3g} passes, {row['seconds']:.2f} s"
    # From chance (0.5) to 1, white to green: nothing else is read off a colour that the number does not say.
    return {"text": style.number(value), "shade": round(55 * max(0.0, min(1.0, 2 * value - 1))), "title": title}


def _trees(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each shipped model's true circuit, as HTML."""
    known = set(shipped())
    for name, ablation, lengths in dict.fromkeys(
        (row["model"], row["ablation"], row["truth"]["lengths"]) for row in rows if row["truth"]
    ):
        if name in known:
            circuit = load(name).circuit(ablation=ablation, lengths=lengths)
            console = Console(record=True, width=WIDTH, file=io.StringIO(), theme=style.THEME, highlight=False)
            console.print(str(circuit), CircuitTree(circuit, circuit.edges), sep="\n")
            yield name, console.export_html(inline_styles=True, code_format="{code}")
