"""The variables of a model where they are yet to be computed: from what, and how that was shown."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report.terminal import fact_table
from groundtruth.trained.trained_variable import TrainedStage, TrainedVariableTruth
from groundtruth.truth.variables.implicit_variable import ImplicitStage, ImplicitTruth

_LEGEND = (
    "implicit: computed later from what lies there, which nothing else reads from there on. To swap the span is to "
    "swap the variable: interchanges of it gave what the program gives."
)


def implicit_variables_table(truths: Sequence[ImplicitTruth] | Sequence[TrainedVariableTruth]) -> RenderableType:
    """One line a variable and residual stream.

    Args:
        truths: In the order of computation.
    """
    table = fact_table("variable", "sites", "from", "span", "interchanges", right=("span",), wraps=("variable", "from"))
    for truth in truths:
        for stage in truth.stages:
            first = stage is truth.stages[0]
            sites = ", ".join(map(str, stage.sites))
            name = Text(str(truth.variable) if first else "", "variable")
            rank = str(stage.rank) if stage.certified else "–"
            table.add_row(name, sites, ", ".join(_operands(truth, stage)), rank, _outcome(stage))
    if not truths:
        return Text("no variable is implicit at a residual stream", "faint")
    return Group(table, Text(_LEGEND, "faint"))


def _operands(truth: ImplicitTruth | TrainedVariableTruth, stage: ImplicitStage | TrainedStage) -> tuple[str, ...]:
    """What the variable is computed from: expressions, of a trained network the components that hold them."""
    if isinstance(truth, TrainedVariableTruth):
        return truth.variable.components
    return stage.operands if isinstance(stage, ImplicitStage) else ()


def _outcome(stage: ImplicitStage | TrainedStage) -> Text:
    wrong, tried = _counts(stage)
    which = "all" if isinstance(stage, TrainedStage) or stage.interchange.exhaustive else "a sample of"
    if stage.certified:
        return Text(f"right on {which} {tried:,}", "good")
    return Text(f"no span: wrong on {wrong:,} of {tried:,}", "warn")


def _counts(stage: ImplicitStage | TrainedStage) -> tuple[int, int]:
    """How many interchanges went wrong, and how many were held against the program."""
    if isinstance(stage, TrainedStage):
        return max(stage.interchange.wrong, stage.rest.wrong), stage.interchange.runs
    return stage.interchange.wrong, stage.interchange.tried - stage.interchange.undefined


def implicit_variable_data(truth: ImplicitTruth | TrainedVariableTruth) -> dict[str, Any]:
    """A variable as JSON has it."""
    return {
        "name": str(truth.variable),
        "label": truth.variable.labels[0],
        "stages": [
            {
                "state": stage.state,
                "sites": [str(site) for site in stage.sites],
                "from": list(_operands(truth, stage)),
                "rank": stage.rank if stage.certified else None,
                "certified": stage.certified,
                "wrong": _counts(stage)[0],
                "tried": _counts(stage)[1],
            }
            for stage in truth.stages
        ],
    }
