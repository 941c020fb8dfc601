"""Language models in the tables: what they were scored on, and whether a rank on compiled models predicts theirs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table
from rich.text import Text

from groundtruth.bench.language_model_results import Prediction, by_task
from groundtruth.bench.results import Result, Summary
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from groundtruth.report import style

TOLD = {"auroc": "AUROC", "average_precision": "AP", "f1": "F1", "cmd": "CMD", "cpr": "CPR"}
"""Columns whose rank correlation is told, and how they are called."""


def title_of(result: Result, ablation: str) -> str:
    """``21 models and learned (ioi, mcqa)``, as much of it as was scored."""
    compiled = len({row.model for row in result.compiled_scores(ablation)})
    parts = [style.plural(compiled, "model")] if compiled or not result.language_model_scores(ablation) else []
    return " and ".join([*parts, *subjects(result.language_model_scores(ablation))])


def subjects(rows: Sequence[CircuitScores]) -> list[str]:
    """Language models with their tasks: ``learned (ioi, mcqa)``."""
    pairs = sorted({(_short(row.model), row.task) for row in rows})
    return [
        f"{model} ({', '.join(task for _, task in own)})" for model, own in groupby(pairs, key=lambda pair: pair[0])
    ]


def _short(model: str) -> str:
    """A checkpoint's folder by its own name."""
    return Path(model).name if Path(model).is_dir() else model


def legend_of(result: Result, ablation: str) -> Iterator[str]:
    """What the columns of language models are, if there are any beside those of compiled ones."""
    rows = result.language_model_scores(ablation)
    if result.compiled_scores(ablation):
        yield "Exact scores: against the live edges."
    if rows and result.compiled_scores(ablation):
        pairs = max(row.n_examples for row in rows)
        about = ", ".join(subjects(rows))
        yield f"real: the mean over {about}, {pairs} held-out pairs a task; no truth is known there."


def predictions_in_words(found: Sequence[Prediction]) -> Iterator[Text]:
    """Kendall's tau of columns over compiled models with CMD on language models, in one line."""
    told = [entry for entry in found if entry.predicted == "real_cmd" and entry.column in TOLD]
    if not told:
        return
    text = Text("Does a method's rank on compiled models predict its rank on real ones? ")
    text.append(f"Kendall tau with CMD there, {told[0].n_methods} methods: ", "faint")
    for index, entry in enumerate(told):
        text.append(" · " if index else "").append(f"{TOLD[entry.column]} ")
        text.append(f"{entry.tau:.2f}", "good" if entry.tau > 0.7 else "warn" if entry.tau > 0.3 else "bad")
    yield text


def task_table(result: Result, ablation: str, summaries: Sequence[Summary]) -> Table | None:
    """CPR and CMD of each method on each task, where only language models were scored, and more than one task."""
    found = by_task(result.language_model_scores(ablation))
    if result.has_compiled or len(found) < 2:
        return None
    made = style.table(padding=(0, 1, 0, 0))
    made.add_column("CPR / CMD", no_wrap=True)
    for subject in found:
        model, task = subject.rsplit("/", 1)
        several = len({name.rsplit("/", 1)[0] for name in found}) > 1
        made.add_column(f"{_short(model)}\n{task}" if several else task, justify="right")
    for summary in summaries:
        rows = [own.get(summary.method) for own in found.values()]
        entries = [f"{style.number(row.cpr)} / {style.number(row.cmd)}" if row else "–" for row in rows]
        made.add_row(style.method_name(summary.method), *entries)
    return made
