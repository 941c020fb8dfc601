"""The variables of a trained model: where each is written, in how many dimensions, and how that was shown."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isinf
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report.terminal import fact_table
from groundtruth.trained.certificate import Claim
from groundtruth.trained.trained_variable import TrainedStage, TrainedVariableTruth

_EXACT = (
    "span: an interchange of it gives what the program gives on every pair of inputs, and one of all else that the "
    "component writes changes no output."
)
_ONE_OF_MANY = (
    " In a network that is not wired it is one of many such spans, so that recall and precision are not judged."
)


def trained_variables_table(truths: Sequence[TrainedVariableTruth]) -> RenderableType:
    """One line a variable and site.

    Args:
        truths: In the order of computation.
    """
    columns = ("variable", "sites", "span", "values", "read by", "interchanges")
    table = fact_table(*columns, right=("span", "values"), wraps=("variable", "read by"), goes=("values", "read by"))
    for truth in truths:
        for stage in truth.stages:
            first = stage is truth.stages[0]
            table.add_row(
                Text(str(truth.variable) if first else "", "variable"),
                ", ".join(map(str, stage.sites)),
                str(stage.rank) if stage.certified else "–",
                str(len(truth.variable.values)) if first else "",
                ", ".join(truth.variable.readers) if first else "",
                _outcome(stage),
            )
    if not truths:
        return Text("no variable: the interchange of none is certified on every pair of inputs", "faint")
    return Group(table, Text(_EXACT + ("" if truths[0].exact else _ONE_OF_MANY), "faint"))


def _outcome(stage: TrainedStage) -> Text:
    if stage.certified:
        return Text(f"right on {stage.coverage}", "good")
    wrong = max(stage.interchange.wrong, stage.rest.wrong)
    return Text(f"no span: wrong on {wrong:,} of {stage.coverage}", "warn")


def trained_variable_data(truth: TrainedVariableTruth) -> dict[str, Any]:
    """A variable as JSON has it."""
    variable = truth.variable
    return {
        "name": variable.name,
        "labels": list(variable.labels),
        "components": list(variable.components),
        "values": [_plain(value) for value in variable.values],
        "readers": list(variable.readers),
        "exact": truth.exact,
        "certified": truth.certified,
        "stages": [
            {
                "state": stage.state,
                "sites": [str(site) for site in stage.sites],
                "rank": stage.rank if stage.certified else None,
                "pairs": stage.pairs,
                "distinguishing": stage.distinguishing,
                "interchange": _claim_data(stage.interchange),
                "rest": _claim_data(stage.rest),
            }
            for stage in truth.stages
        ],
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: tuples of several expressions' values, and what has no value, are spelt."""
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _claim_data(claim: Claim) -> dict[str, Any]:
    return {**asdict(claim), "margin": None if isinf(claim.margin) else claim.margin}
