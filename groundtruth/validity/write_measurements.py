"""Write what ``groundtruth validity`` reads: tier scores and the panel's reference, from results of a benchmark.

``python -m groundtruth.validity.write_measurements RESULT.json ...`` takes results on compiled models and their
variants, on learned models, or both; docs/validity.md has the commands that make them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from groundtruth.files import to_json, write_whole
from groundtruth.results.read_results import read_results
from groundtruth.results.result import Result, Scores
from groundtruth.validity.references import FOLDER, SCHEMA_VERSION, Reference, read_references
from groundtruth.validity.tier_scores import SHIPPED
from groundtruth.validity.write_tier_scores import write_tier_scores
from mib.learned import panel_members

COLUMNS = {"circuits": ("cmd", "cpr"), "variables": ("accuracy",)}
"""Columns of language models that make references, by track; the first is told under tables."""

SETTINGS = ("profile", "seed", "dtype", "device", "level", "pairs")
"""Settings of a run that the file tells."""


def panel_reference(result: Result, *, date: str, before: Sequence[Reference] = ()) -> dict[str, object]:
    """Return what a file of references holds of the learned models of a result.

    A method counts if it was scored on every model and task that any contestant was scored on. What methods that the
    result lacks reached before stays, if it was measured on the same models and tasks with the same settings.

    Args:
        result: Outcomes on learned models.
        date: Day of the measurement, ISO 8601.
        before: Earlier measurements.
    """
    tables, values = result.tables, dict[str, dict[str, dict[str, float]]]()
    headings = {column.name: column.heading for column in tables.columns}
    for cell, outcome in result.outcomes:
        if isinstance(outcome, Scores) and cell.task and not result.is_control(cell.method):
            for column in COLUMNS[tables.name]:
                value = tables.scoring.values(outcome).get(column)
                if value is not None:
                    values.setdefault(column, {}).setdefault(cell.method, {})[cell.place] = value
    models = sorted({cell.model for cell, _ in result.outcomes if cell.task})
    tasks = sorted({cell.task for cell, _ in result.outcomes if cell.task})
    source = f"learned models of this project ({', '.join(models)}) on {' and '.join(tasks)}"
    note = ", ".join(f"{key} {result.settings[key]}" for key in SETTINGS if key in result.settings)
    kept = {one.name: one for one in before if (one.source, one.note) == (source, note)}
    references = [
        {
            **_ranking(headings[column], methods, kept),
            "better": "lower" if column in tables.lower_is_better else "higher",
            "headline": index == 0,
        }
        for index, (column, methods) in enumerate(values.items())
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "track": tables.name,
        "source": source,
        "trust": "measured",
        "note": note,
        "date": date,
        "references": references,
    }


def _ranking(
    heading: str, methods: Mapping[str, Mapping[str, float]], kept: Mapping[str, Reference]
) -> dict[str, object]:
    """Return the name of a ranking and its scores: means, and what they are means over."""
    places = set[str]().union(*methods.values())
    complete = {name: own for name, own in methods.items() if {*own} == places}
    means = {name: round(fmean(own.values()), 5) for name, own in complete.items()}
    by_place = {name: {place: round(own[place], 5) for place in sorted(own)} for name, own in complete.items()}
    name = f"{heading} on {len({place.partition('/')[0] for place in places})} learned models"
    if name in kept:
        means, by_place = {**kept[name].values, **means}, {**kept[name].by_place, **by_place}
    return {"name": name, "values": means, "by_place": by_place}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files from results named on the command line."""
    paths = [Path(name) for name in (sys.argv[1:] if arguments is None else arguments)]
    if not paths:
        raise SystemExit("Name result files of groundtruth bench.")
    result = read_results(paths)
    name = result.tables.name
    if result.has_compiled:
        write_tier_scores(result, SHIPPED / f"{name}.json")
    # A default table has some learned models beside compiled ones, which are no panel.
    members = panel_members()
    panel = [(cell, outcome) for cell, outcome in result.outcomes if cell.task and cell.model in members]
    before = [one for one in read_references(name, FOLDER) if one.trust == "measured"]
    known = {place for one in before for own in one.by_place.values() for place in own}
    if panel and not (result.has_compiled and {cell.place for cell, _ in panel} < known):
        date = datetime.now(UTC).date().isoformat()
        data = panel_reference(replace(result, outcomes=tuple(panel)), date=date, before=before)
        write_whole(FOLDER / f"panel-{name}.json", to_json(data))


if __name__ == "__main__":
    main()
