"""A result of the variable track as a section: methods by interchange accuracy, exact scores and controls."""

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
from groundtruth.report.views.rank_sentences import rank_grid
from groundtruth.report.views.scores_by_method import scores_by_method
from groundtruth.report.views.subject_names import grouped
from groundtruth.report.views.variable_sentences import QUESTION, variable_ranks, variable_sentences
from groundtruth.results.result import Result
from groundtruth.results.variable_columns import LANGUAGE_MODEL_VARIABLE_COLUMNS, VARIABLE_COLUMNS
from groundtruth.results.variable_scores import VariableScores

LEGEND = (
    "IIA: interchange accuracy on pairs that a no-op gets wrong; iso: on isolation pairs. Exact: recall and precision "
    "of the subspace; inside: share of what is moved that is the variable's. Controls, where there is nothing to find: "
    "IIA on shuffled weights, arbitrary labels, another program; gap: IIA less the highest of these."
)

LANGUAGE_MODEL_LEGEND = (
    "IIA: interchange accuracy on held-out pairs that a no-op gets wrong; iso: on pairs in which the variable is the "
    "same; MIB: on all pairs, the mean over families of counterfactuals, then the mean and the best over layers. "
    "Controls, where there is nothing to find: IIA on shuffled weights and with arbitrary values; gap: IIA less the "
    "higher. No truth is known."
)
"""Caption where only language models were scored."""

MOST_PLACES = 9
"""With more places they are told in the result files only."""


def variable_sections(
    result: Result, *, own: str = "", place: Place = "screen", columns: Sequence[str] | None = None
) -> list[Section]:
    """Report one section.

    Args:
        result: Result of a run.
        own: The user's method, which is marked and told of first.
        place: Place at which it is shown.
        columns: The user's choice of columns, instead of those that the place shows.

    Raises:
        DomainError: If there is no column of such a name.
    """
    chosen = choose_columns(_columns(result), place, columns)
    scores = scores_by_method(result, alarming=("illusion",))
    grids = [*_place_grid(result), *rank_grid(QUESTION, variable_ranks(result))]
    return [
        Section(
            title=_title(result),
            standing=standing_of(scores, chosen, own=own),
            legend=" ".join(_legend(result, scores)),
            sentences=tuple(variable_sentences(result, own=own)),
            grids=tuple(grids),
        )
    ]


def _columns(result: Result) -> tuple[Column, ...]:
    return VARIABLE_COLUMNS if result.has_compiled else LANGUAGE_MODEL_VARIABLE_COLUMNS


def _title(result: Result) -> Text:
    settings = [str(result.settings[key]) for key in ("dtype", "device") if key in result.settings]
    return Text.assemble(
        ("Variable localization", "heading"),
        f" · {sought_in(result)} · {_seeds(result.seeds)}",
        ("".join(f" · {setting}" for setting in settings), "faint"),
    )


def _seeds(seeds: Sequence[int]) -> str:
    """Name one seed, or count several."""
    return f"{len(seeds)} seeds from {min(seeds)}" if len(seeds) > 1 else f"seed {min(seeds, default=0)}"


def sought_in(result: Result) -> str:
    """Say what was sought and where: ``3 variables at 4 sites and learned (ioi: output_token)``."""
    compiled = {(row.model, row.variable) for row in result.compiled_scores()}
    sites = {(row.model, row.variable, row.site) for row in result.compiled_scores()}
    learned = _language_models(result.language_model_scores())
    on_tiers = f" on {len(result.tiers)} tiers" if len(result.tiers) > 1 else ""
    parts = [f"{notation.plural(len(compiled), 'variable')} at {notation.plural(len(sites), 'site')}{on_tiers}"]
    if compiled and len(learned) > 1:
        return f"{parts[0]} and {len(learned)} language models"  # which the legend names
    return " and ".join([*(parts if compiled or not learned else []), *learned])


def _language_models(rows: Sequence[VariableScores]) -> list[str]:
    sought = ((row.model, row.task, row.variable) for row in rows)
    return grouped(sought, lambda task, variables: f"{task}: {', '.join(variables)}", between="; ")


def _legend(result: Result, scores: Sequence[MethodScores]) -> Iterator[str]:
    yield LEGEND if result.has_compiled else LANGUAGE_MODEL_LEGEND
    if len(result.tiers) > 1:
        yield f"{', '.join(result.tiers)}: IIA on the variables of that tier."
    if any("transfer" in one.means for one in scores):
        yield TRANSFER
    if any(one.spreads for one in scores):
        yield "±: standard deviation over seeds."
    if any(one.is_control for one in scores):
        yield CONTROLS_BELOW
    rows = result.language_model_scores()
    if rows and result.compiled_scores():
        sites = ", ".join(dict.fromkeys(row.site for row in rows))
        pairs = max(row.n_test for row in rows)
        yield f"LM: the mean over {', '.join(_language_models(rows))} at {sites}, {pairs} held-out pairs each; no truth"
        yield "is known there. MIB: on all of them, the mean over families. Ranks and variants are in the result files."


def _place_grid(result: Result) -> Iterator[Grid]:
    """IIA of each method on each variable by layer and position, where only language models were scored."""
    values: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in result.language_model_scores():
        values.setdefault((row.subject, row.variable, row.site), {}).setdefault(row.method, []).append(row.accuracy)
    if result.has_compiled or not 2 <= len(values) <= MOST_PLACES:
        return
    headings = ["\n".join((_task(subject), variable, *_where(site))) for subject, variable, site in values]
    lines: list[tuple[str, ...]] = []
    for summary in result.summaries():
        own = [found.get(summary.method) for found in values.values()]
        means = (notation.number(sum(f) / len(f)) if f else notation.NONE for f in own)
        lines.append((notation.method_name(summary.method), *means))
    yield Grid(("IIA", *headings), tuple(lines), title="IIA by place")


def _task(subject: str) -> str:
    return subject.rsplit("/", 1)[1].replace("arithmetic-", "")


def _where(site: str) -> tuple[str, str]:
    place, _, position = site.partition("@")
    return place.removeprefix("residual."), f"@{position}"
