"""A result file of the variable track as one HTML page that needs nothing else: methods, ranks, accuracy by place."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from groundtruth.errors import ArtifactError
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import style
from groundtruth.report.real_variables import REAL_LEGEND
from groundtruth.report.scores import Column
from groundtruth.report.variable_tables import COLUMNS, LEGEND, REAL_COLUMNS
from groundtruth.report.variable_writing import MORE


def variable_page(data: Mapping[str, Any]) -> str:
    """The page.

    Args:
        data: What ``page.read_result`` gives.

    Raises:
        ArtifactError: If an entry that is read is missing.
    """
    template = Environment(
        loader=PackageLoader("groundtruth.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("variable_page.html.j2")  # fmt: skip
    try:
        return template.render(data=data, duration=style.duration(data["seconds"]), **_parts(data))
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"the result is incomplete: {error}. Run the benchmark again.") from error


def _parts(data: Mapping[str, Any]) -> dict[str, Any]:
    summaries, cells = data["summaries"], data["cells"]
    compiled = any(not cell["cell"]["task"] for cell in cells)
    known = {name for summary in summaries for name in summary["columns"]}
    chosen = (*COLUMNS, *MORE) if compiled else REAL_COLUMNS
    columns = [column for column in chosen if column.name in known]
    rows = [cell for cell in cells if cell["outcome"] == "scored"]
    places = list(dict.fromkeys(map(_place, rows)))
    return {
        "columns": [column.heading.replace("-\n", "").replace("\n", " ") for column in columns],
        "summaries": [_summary(summary, summaries, columns) for summary in summaries],
        "illusions": compiled,
        "legend": LEGEND if compiled else REAL_LEGEND,
        "taus": list(_taus(data)),
        "places": places,
        "matrix": [(s["method"], _by_place(s["method"], rows, places)) for s in summaries],
        "failures": [(_named(cell), cell["error"]) for cell in cells if cell["outcome"] == "failed"],
        "skipped": list(dict.fromkeys(_left_out(cell) for cell in cells if cell["outcome"] == "skipped")),
    }


def _summary(
    summary: Mapping[str, Any], others: Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> dict[str, Any]:
    return {
        "method": summary["method"],
        "failed": summary["n_failed"],
        "n_illusions": summary["n_illusions"],
        "illusions": f"{summary['n_illusions']}/{summary['n_rows']}",
        "entries": [_entry(summary, column, others) for column in columns],
    }


def _entry(summary: Mapping[str, Any], column: Column, others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is printed for a column, and whether it is the best of the methods that are given no truth."""
    found = summary["columns"].get(column.name)
    if found is None:
        return {"text": "–", "best": False}
    shown = style.count(found["mean"]) if column.name.endswith("rank") else style.number(found["mean"])
    means = [o["columns"][column.name]["mean"] for o in others if o["method"] != ORACLE and column.name in o["columns"]]
    is_best = column.ranked and summary["method"] != ORACLE and shown == style.number(max(means, default=0.0))
    return {"text": shown + (f" ±{found['std']:.2f}" if column.spread else ""), "best": is_best}


def _taus(data: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, str, float, int]]]]:
    validity = [(e["metric"], e["exact"], e["kendall_tau"], e["n_pairs"]) for e in data["metric_validity"]]
    yield "Does interchange accuracy rank methods as the truth does?", [e for e in validity if e[2] is not None]
    predicted = [(e["column"], e["predicted"], e["tau"], e["n_methods"]) for e in data["rank_prediction"]]
    yield "Does a method's rank on compiled models predict its rank on real ones?", predicted


def _place(cell: Mapping[str, Any]) -> str:
    own = cell["cell"]
    subject = f"{own['model']}/{own['task']}" if own["task"] else own["model"]
    return f"{subject}:{own['variable']}@{own['site']}"


def _named(cell: Mapping[str, Any]) -> str:
    return f"{cell['cell']['method']} on {_place(cell)}, seed {cell['cell']['seed']}"


def _left_out(cell: Mapping[str, Any]) -> tuple[str, str]:
    where = _place(cell) if cell["scope"] == "model" else f"{cell['cell']['method']} on {_place(cell)}"
    return where, cell["reason"]


def _by_place(method: str, rows: Sequence[Mapping[str, Any]], places: Sequence[str]) -> list[dict[str, Any] | None]:
    """A method's accuracy at each place, with each seed's own."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["cell"]["method"] == method:
            found.setdefault(_place(row), []).append(row)
    return [_cell(method, place, found[place]) if place in found else None for place in places]


def _cell(method: str, place: str, seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    value = fmean(row["accuracy"] for row in seeds)
    by_seed = ", ".join(f"{row['accuracy']:.2f}" for row in seeds)
    title = f"{method} on {place}: {by_seed} by seed"
    families = ", ".join(f"{family['name']} {family['accuracy']:.2f}" for family in seeds[0]["families"])
    title += f"; of seed {seeds[0]['cell']['seed']} on all pairs of {families}" if families else ""
    return {"text": style.number(value), "shade": round(55 * max(0.0, min(1.0, value))), "title": title}
