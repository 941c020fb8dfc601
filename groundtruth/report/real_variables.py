"""Language models in the variable track: what was sought there, and whether ranks on compiled models predict theirs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table
from rich.text import Text

from groundtruth.bench.language_model_results import Prediction
from groundtruth.bench.variable_results import VariableResult, VariableSummary
from groundtruth.evaluation.variables.variable_scores import VariableScores
from groundtruth.report import style

TOLD = {"accuracy": "IIA", "recall": "recall", "precision": "precision", "f1": "F1", "inside": "inside"}
"""Columns whose rank correlation is told, and how they are called."""

REAL_LEGEND = (
    "IIA: interchange accuracy on held-out pairs that a no-op gets wrong; iso: on pairs in which the variable is the "
    "same; MIB: on all pairs, the mean over families of counterfactuals, then the mean and the best over layers. "
    "Controls, where there is nothing to find: IIA on shuffled weights and with arbitrary values; gap: IIA less the "
    "higher. No truth is known."
)


def variable_title(result: VariableResult) -> str:
    """``3 variables at 4 sites and learned (ioi: output_token)``, as much of it as was scored."""
    compiled = {(row.model, row.variable) for row in result.compiled_scores}
    sites = {(row.model, row.variable, row.site) for row in result.compiled_scores}
    parts = [f"{style.plural(len(compiled), 'variable')} at {style.plural(len(sites), 'site')}"]
    return " and ".join(
        [*(parts if compiled or not result.language_model_scores else []), *_subjects(result.language_model_scores)]
    )


def _subjects(rows: Sequence[VariableScores]) -> list[str]:
    """Language models with tasks and variables."""
    found = sorted({(_short(row.model), row.task, row.variable) for row in rows})
    return [
        f"{model} ({'; '.join(f'{task}: {_listed(own)}' for task, own in groupby(tasks, key=lambda one: one[1]))})"
        for model, tasks in groupby(found, key=lambda one: one[0])
    ]


def _listed(places: Iterator[tuple[str, str, str]]) -> str:
    return ", ".join(variable for *_, variable in places)


def _short(model: str) -> str:
    """A checkpoint's folder by its own name."""
    return Path(model).name if Path(model).is_dir() else model


def real_legend(result: VariableResult) -> Iterator[str]:
    """What the columns of language models are, beside those of compiled ones."""
    rows = result.language_model_scores
    if rows and result.compiled_scores:
        sites = ", ".join(dict.fromkeys(row.site for row in rows))
        pairs = max(row.n_test for row in rows)
        yield f"real: the mean over {', '.join(_subjects(rows))} at {sites}, {pairs} held-out pairs each; no truth is"
        yield "known there. MIB: on all of them, the mean over families. Ranks and variants are in the result files."


def rank_prediction(found: Sequence[Prediction]) -> Iterator[Text]:
    """Kendall's tau of columns over compiled models with IIA on language models, in one line."""
    told = [entry for entry in found if entry.predicted == "real_accuracy" and entry.column in TOLD]
    if not told:
        return
    counts = sorted({entry.n_methods for entry in told})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = Text("Does a method's rank on compiled models predict its rank on real ones? ")
    text.append(f"Kendall tau with IIA there, {n} methods: ", "faint")
    for index, entry in enumerate(told):
        text.append(" · " if index else "").append(f"{TOLD[entry.column]} ")
        text.append(f"{entry.tau:.2f}", "good" if entry.tau > 0.7 else "warn" if entry.tau > 0.3 else "bad")
    yield text


def place_table(result: VariableResult, summaries: Sequence[VariableSummary]) -> Table | None:
    """IIA of each method on each variable by layer and position, where only language models were scored."""
    values: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in result.language_model_scores:
        values.setdefault((row.subject, row.variable, row.site), {}).setdefault(row.method, []).append(row.accuracy)
    if result.has_compiled or not 2 <= len(values) <= MOST_PLACES:
        return None
    made = style.table(padding=(0, 1, 0, 0))
    made.add_column("IIA", no_wrap=True)
    for subject, variable, site in values:
        task = subject.rsplit("/", 1)[1]
        made.add_column("\n".join((task.replace("arithmetic-", ""), variable, *_where(site))), justify="right")
    for summary in summaries:
        own = [found.get(summary.method) for found in values.values()]
        made.add_row(style.method_name(summary.method), *(style.number(sum(f) / len(f)) if f else "–" for f in own))
    return made


MOST_PLACES = 9
"""With more places they are told in the result files only."""


def _where(site: str) -> tuple[str, str]:
    place, _, position = site.partition("@")
    return place.removeprefix("residual."), f"@{position}"
