"""The exact variables of a model: where each is written, how long it can be intervened on, and who reads it."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report.terminal import fact_table
from groundtruth.truth.variables.variable_truth import Stage, VariableTruth


def variables_table(variables: Sequence[VariableTruth]) -> RenderableType:
    """One line a variable.

    Args:
        variables: In the order in which they are written.
    """
    columns = ("variable", "dims", "written at", "live until", "partly until", "read by", "checked")
    table = fact_table(
        *columns, right=("dims",), wraps=("variable", "read by"), goes=("dims", "partly until", "written at")
    )
    for truth in variables:
        variable = truth.variable
        readers = ", ".join(reader.destination for reader in variable.readers) or "nothing"
        mark = Text("ok", "good") if truth.certified else Text("no", "bad")
        table.add_row(
            Text(str(variable), "variable"),
            f"{len(variable.dimensions)}",
            str(truth.sites[0]) if truth.sites else "–",
            _last(truth, "live"),
            _last(truth, "partly live"),
            readers,
            mark,
        )
    legend = (
        "live: an interchange reaches all readers; partly: only those still to come. checked: what its directions hold "
        f"is its value, and {_n_tried(variables):,} interchanges gave what the program gives."
    )
    return Group(table, Text(legend, "faint"))


def _last(truth: VariableTruth, state: str) -> str:
    """The last site of a kind."""
    sites = [site for stage in truth.stages if stage.state == state for site in stage.sites]
    return str(sites[-1]) if sites else "–"


def _n_tried(variables: Sequence[VariableTruth]) -> int:
    return sum(_tried(stage) for truth in variables for stage in truth.stages)


def _tried(stage: Stage) -> int:
    return sum(item.tried - item.undefined - item.wrong for item in stage.interchanges)


def variable_data(truth: VariableTruth) -> dict[str, Any]:
    """A variable as JSON has it."""
    variable = truth.variable
    return {
        "name": str(variable),
        "label": variable.label,
        "encoding": variable.encoding,
        "values": list(variable.values),
        "dimensions": list(variable.dimensions),
        "readers": [reader.destination for reader in variable.readers],
        "certified": truth.certified,
        "stages": [
            {
                "state": stage.state,
                "rank": stage.rank,
                "sites": [str(site) for site in stage.sites],
                "tried": _tried(stage),
            }
            for stage in truth.stages
        ],
    }
