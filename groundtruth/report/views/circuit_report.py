"""A result of the circuit track as sections: methods by scores under each ablation, and what the numbers mean."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from groundtruth.column import Column, Place
from groundtruth.report import notation
from groundtruth.report.section import Grid, Section
from groundtruth.report.standing import (
    CONTROLS_BELOW,
    TRANSFER,
    MethodScores,
    choose_columns,
    standing_of,
)
from groundtruth.report.views.circuit_sentences import circuit_ranks, circuit_sentences
from groundtruth.report.views.rank_sentences import rank_grid
from groundtruth.report.views.scores_by_method import scores_by_method
from groundtruth.report.views.subject_names import grouped, short_name
from groundtruth.results.circuit_columns import CIRCUIT_COLUMNS
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.result import Result, by_task
from groundtruth.variants.tiers import SUPERPOSED

LEGEND = "CPR, CMD: over every circuit size; MIB: as MIB has them, at ten sizes."


def circuit_sections(
    result: Result, *, own: str = "", place: Place = "screen", columns: Sequence[str] | None = None
) -> list[Section]:
    """Report one section an ablation.

    Args:
        result: Result of a run.
        own: The user's method, which is marked and told of first.
        place: Place at which it is shown.
        columns: The user's choice of columns, instead of those that the place shows.

    Raises:
        DomainError: If there is no column of such a name.
    """
    chosen = choose_columns(CIRCUIT_COLUMNS, place, columns)
    return [_section(result, ablation, chosen, own) for ablation in result.ablations]


def _section(result: Result, ablation: str, chosen: Sequence[Column], own: str) -> Section:
    scores = scores_by_method(result, ablation)
    return Section(
        title=_title(result, ablation),
        standing=standing_of(scores, chosen, own=own),
        legend=" ".join([LEGEND, *_legend(result, ablation, scores), *_asked(result)]),
        sentences=tuple(circuit_sentences(result, ablation, own=own)),
        grids=tuple(_grids(result, ablation)),
    )


def _title(result: Result, ablation: str) -> Text:
    text = Text.assemble(
        ("Circuit localization", "heading"), f" · {scored_on(result, ablation)} · ", (ablation, "name"), " ablation"
    )
    named = [f"{key} {result.settings[key]}" for key in ("level", "seed") if key in result.settings]
    named += [str(result.settings[key]) for key in ("dtype", "device") if key in result.settings]
    return text.append("".join(f" · {part}" for part in named), "faint")


def scored_on(result: Result, ablation: str) -> str:
    """Say on what methods were scored: ``21 models and learned (ioi, mcqa)``."""
    compiled = len({row.model for row in result.compiled_scores(ablation)})
    on_tiers = f" on {len(result.tiers)} tiers" if len(result.tiers) > 1 else ""
    models = notation.plural(compiled, "model") + on_tiers
    parts = [models] if compiled or not result.language_model_scores(ablation) else []
    return " and ".join([*parts, *_language_models(result.language_model_scores(ablation))])


def _language_models(rows: Sequence[CircuitScores]) -> list[str]:
    return grouped(((row.model, row.task) for row in rows), lambda task, _: task)


def _legend(result: Result, ablation: str, scores: Sequence[MethodScores]) -> Iterator[str]:
    """Explain the columns that the scores have."""
    columns = {name for one in scores for name in one.means}
    rows = result.language_model_scores(ablation)
    if result.compiled_scores(ablation):
        yield "Exact scores: against the minimal circuit that a ranking matches best."
    if len(tiers := [tier for tier in result.tiers if tier != SUPERPOSED.name]) > 1:
        yield f"{', '.join(tiers)}: AUROC on the models of that tier."
    if "transfer" in columns:
        yield TRANSFER
    if any(one.is_control for one in scores):
        yield CONTROLS_BELOW
    if "stability" in columns:
        yield "stable: Jaccard index of the best |C| edges over examples drawn anew; stable is not right."
    if any(one.spreads for one in scores):
        yield "±: standard deviation over models."
    if rows and result.compiled_scores(ablation):
        pairs = max(row.n_examples for row in rows)
        about = ", ".join(_language_models(rows))
        yield f"LM: the mean over the language models {about}, {pairs} held-out pairs a task; no truth is known there."


def _asked(result: Result) -> Iterator[str]:
    """Tell what was asked for that is not the default: hyper-parameters of the method, prompts of one's own."""
    settings = result.settings
    if settings.get("parameters"):
        given = ", ".join(f"{name}={value}" for name, value in settings["parameters"].items())
        yield f"{notation.method_name(settings['method'])} with {given}."
    if settings.get("data"):
        yield f"Prompts of language models: {settings['data']}."


def _grids(result: Result, ablation: str) -> Iterator[Grid]:
    if (tasks := _task_grid(result, ablation)) is not None:
        yield tasks
    yield from rank_grid("Do the metrics rank methods as the truth does?", circuit_ranks(result, ablation))


def _task_grid(result: Result, ablation: str) -> Grid | None:
    """CPR and CMD of each method on each task, where only language models were scored, and more than one task."""
    found = by_task(result.language_model_scores(ablation))
    if result.has_compiled or len(found) < 2:
        return None
    several = len({name.rsplit("/", 1)[0] for name in found}) > 1
    named = [(short_name(model), task) for model, task in (subject.rsplit("/", 1) for subject in found)]
    headings = [f"{model}\n{task}" if several else task for model, task in named]
    lines = [
        (notation.method_name(summary.method), *(_cpr_and_cmd(own.get(summary.method)) for own in found.values()))
        for summary in result.summaries(ablation)
    ]
    return Grid(("CPR / CMD", *headings), tuple(lines), title="CPR and CMD by task")


def _cpr_and_cmd(row: CircuitScores | None) -> str:
    return f"{notation.number(row.cpr)} / {notation.number(row.cmd)}" if row else notation.NONE
