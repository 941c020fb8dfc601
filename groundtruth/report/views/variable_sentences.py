"""What a result of the variable track says, in words: illusions, false finds, and what the choice of a layer adds."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.views.rank_sentences import RankAgreement, rank_sentence
from groundtruth.report.views.subject_names import PREDICTS
from groundtruth.report.views.validity_view import verdict_sentence
from groundtruth.results.cell import ORACLE
from groundtruth.results.result import Result
from groundtruth.results.summary import Summary
from groundtruth.results.variable_scores import HIGH, LOW, VariableScores
from groundtruth.validity.validity_report import result_report

N_METHODS = 4
"""Number of methods that each kind of line tells of, at most."""

FALSE_FIND = 0.5
"""A control from here on is told."""

QUESTION = "Does interchange accuracy rank methods as the truth does?"

METRICS = {"accuracy": "IIA", "disentangle": "mean of IIA and iso"}
"""Columns that need no truth, and how sentences call them."""

EXACT = {"recall": "recall", "precision": "precision", "f1": "F1", "inside": "inside"}
"""Columns that do."""

PREDICTORS = {"accuracy": "IIA", **EXACT}
"""Columns over compiled models whose rank correlation with language models is told."""

_WHERE = {
    "others": "other live variables",
    "dormant": "directions that never vary",
    "dead": "copies that nothing reads",
    "null": "directions that hold nothing",
}
_CONTROLS = {
    "shuffled": "shuffled weights",
    "arbitrary": "arbitrary labels",
    "variant": "a variant without the variable",
}


def variable_sentences(result: Result, *, own: str = "") -> Iterator[Text]:
    """Say what was found, one finding a line.

    Args:
        result: Result of a run.
        own: The user's method, which is told of first.
    """
    summaries = [summary for summary in result.summaries() if not summary.is_control]
    yield from rank_sentence(f"{QUESTION} ", variable_ranks(result))
    yield from rank_sentence(PREDICTS, predicted_variable_ranks(result))
    yield from verdict_sentence(result_report(result, ""))
    yield from _illusions(result.compiled_scores(), own)
    yield from _false_finds(summaries)
    yield from _layers(result)
    yield from _minimal(result)
    yield from _without_span(result)
    for name, outcome in result.skipped().items():
        yield Text().append(f"Left out: {name}: {outcome.reason}", "faint")


def variable_ranks(result: Result) -> list[RankAgreement]:
    """Take the rank correlation of interchange accuracies with exact scores."""
    return [
        RankAgreement(METRICS[entry.metric], EXACT[entry.exact], entry.overall.tau, entry.interval, entry.n_methods)
        for entry in result.validity()
        if entry.metric in METRICS and entry.exact in EXACT
    ]


def predicted_variable_ranks(result: Result) -> list[RankAgreement]:
    """Take the rank correlation of columns over compiled models with IIA on language models."""
    return [
        RankAgreement(PREDICTORS[entry.column], "IIA there", entry.tau, entry.interval, entry.n_methods)
        for entry in result.predictions()
        if entry.predicted == "real_accuracy" and entry.column in PREDICTORS
    ]


def most_illusory_place(result: Result, method: str) -> str | None:
    """The variable at which a method's precision is lowest, as `groundtruth why` takes it; ``None`` if at none."""
    rows = [
        (_precision(row), f"{row.model}:{row.variable}@{row.site}")
        for row in result.compiled_scores()
        if row.method == method
    ]
    worst = min(rows, default=(1.0, ""))
    return worst[1] if worst[0] < 1 else None


def _precision(row: VariableScores) -> float:
    if row.overlap is not None:
        return row.overlap.precision or 0.0
    return 1.0 if row.movement is None or row.movement.inside is None else row.movement.inside


def _illusions(rows: Sequence[VariableScores], own: str) -> Iterator[Text]:
    """Name which methods reach a high accuracy by something else, and by what."""
    found: dict[str, list[VariableScores]] = {}
    for row in rows:
        if row.illusion and row.method != ORACLE:
            found.setdefault(row.method, []).append(row)
    if not found:
        return
    yield Text().append(
        f"Illusions are accuracies of {HIGH:g} or more with a precision (or inside) below {LOW:g}.", "faint"
    )
    chosen = [own] if own in found else sorted(found, key=lambda method: -len(found[method]))
    for method in chosen[:N_METHODS]:
        illusions, n = found[method], sum(row.method == method and row.minimal_rank is not None for row in rows)
        text = Text().append(notation.method_name(method), "name")
        text.append(f": {len(illusions)} of {n}, with rank {fmean(row.rank for row in illusions):.0f} for ")
        text.append(f"{fmean(row.minimal_rank or 0 for row in illusions):.0f}; of what it found lies")
        yield text.append(f" {_spent(illusions)}.")


def _spent(rows: Sequence[VariableScores]) -> str:
    """Say where the found subspaces lie, apart from the variable."""
    energies = [row.overlap.energy for row in rows if row.overlap is not None and row.overlap.energy is not None]
    if not energies:
        moved = [row.movement.inside or 0.0 for row in rows if row.movement is not None]
        return f"{1 - fmean(moved):.0%} of what it moves outside the variable"
    shares = {name: fmean(getattr(energy, name) for energy in energies) for name in _WHERE}
    largest = sorted(shares, key=lambda name: -shares[name])[:3]
    return ", ".join(f"{shares[name]:.0%} in {_WHERE[name]}" for name in largest if shares[name] >= 0.05)


def _false_finds(summaries: Sequence[Summary]) -> Iterator[Text]:
    """Name which methods find as much where there is nothing."""
    reached = {
        summary.method: {kind: found.mean for kind, found in summary.columns.items() if kind in _CONTROLS}
        for summary in summaries
    }
    told = [method for method, found in reached.items() if max(found.values(), default=0.0) >= FALSE_FIND]
    for method in sorted(told, key=lambda method: -max(reached[method].values()))[:N_METHODS]:
        high = [f"{value:.2f} on {_CONTROLS[kind]}" for kind, value in reached[method].items() if value >= FALSE_FIND]
        text = Text().append(notation.method_name(method), "name")
        yield text.append(f" finds where there is nothing: IIA {', '.join(high)}.")


def _layers(result: Result) -> Iterator[Text]:
    """Say what choosing the best layer on the scored split adds, as MIB does."""
    sites: dict[tuple[str, str], set[str]] = {}
    for row in result.scores():
        sites.setdefault((row.subject, row.variable), set()).add(row.site)
    if not any(len(found) > 1 for found in sites.values()):
        return
    gains = {
        summary.method: summary.columns["mib_best_on_test"].mean - summary.columns["mib_best"].mean
        for summary in result.summaries()
        if not summary.is_control and "mib_best" in summary.columns
    }
    if gains:
        worst = max(gains, key=lambda method: gains[method])
        yield Text(
            "MIB's summary (mean and best over layers) is in the result files; choosing the layer on the scored split "
            f"adds {fmean(gains.values()):.3f} in the mean, at most {gains[worst]:.3f} ({notation.method_name(worst)})."
        )


def _minimal(result: Result) -> Iterator[Text]:
    ranks = {(row.model, row.variable, row.site): row.minimal_rank for row in result.compiled_scores()}
    known = [f"{model}:{variable} {rank}" for (model, variable, _), rank in ranks.items() if rank is not None]
    if known:
        yield Text().append(f"Dimensions to be found: {', '.join(known)}.", "faint")


def _without_span(result: Result) -> Iterator[Text]:
    """Say where recall and precision are not defined, and why."""
    places: dict[str, dict[str, None]] = {}
    for row in result.compiled_scores():
        if row.truth.reason:
            places.setdefault(row.truth.reason, {})[f"{row.model}:{row.variable}@{row.site}"] = None
    for reason, found in places.items():
        yield Text(f"Recall and precision are not defined at {', '.join(found)}: {reason}.")
