"""A result of the circuit track in words: does a metric rank as the truth does, and where do methods fail?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.views.rank_sentences import RankAgreement, rank_sentence
from groundtruth.report.views.subject_names import PREDICTS
from groundtruth.report.views.validity_view import verdict_sentence
from groundtruth.results.cell import ORACLE, Skipped
from groundtruth.results.circuit_scores import CircuitScores, WrongEdge
from groundtruth.results.result import Result
from groundtruth.validity.validity_report import result_report
from mib import localization

MARGIN = 0.02
"""A CPR above the true circuit's by less than this is not told."""

N_METHODS = 4
"""Number of methods whose failures are told."""

NOTHING = "nothing to localize"
"""Text in the reason of a model that is left out for having no circuit."""

METRICS = {"cpr": "CPR", "cmd": "CMD", "mib_cpr": "MIB's CPR", "mib_cmd": "MIB's CMD"}
"""Columns that need no truth, and how sentences call them."""

PREDICTORS = {"auroc": "AUROC", "average_precision": "AP", "f1": "F1", "cmd": "CMD", "cpr": "CPR"}
"""Columns over compiled models whose rank correlation with language models is told, and how they are called."""

_READERS = {"q": "queries", "k": "keys", "v": "values", "m": "MLP inputs", "l": "logits"}


def circuit_sentences(result: Result, ablation: str, *, own: str = "") -> Iterator[Text]:
    """Say what was found under one ablation, one finding a line.

    Args:
        result: Result of a run.
        ablation: Kind of ablation of cut edges.
        own: The user's method, of which alone failures are told.
    """
    rows = result.scores(ablation)
    yield from sampled_sentences(rows)
    yield from skipped_sentences(result, ablation)
    yield from rank_sentence("Do the metrics rank methods as the truth does? ", circuit_ranks(result, ablation))
    yield from rank_sentence(PREDICTS, predicted_ranks(result, ablation))
    yield from verdict_sentence(result_report(result, ablation))
    yield from _past_the_truth(rows)
    yield from _failures([row for row in rows if not result.is_control(row.method)], own)


def circuit_ranks(result: Result, ablation: str) -> list[RankAgreement]:
    """Take the rank correlation of each metric with exact AUROC."""
    return [
        RankAgreement(METRICS[entry.metric], "AUROC", entry.overall.tau, entry.interval, entry.n_methods)
        for entry in result.validity(ablation)
        if entry.exact == "auroc"
    ]


def predicted_ranks(result: Result, ablation: str) -> list[RankAgreement]:
    """Take the rank correlation of columns over compiled models with CMD on language models."""
    return [
        RankAgreement(PREDICTORS[entry.column], "CMD there", entry.tau, entry.interval, entry.n_methods)
        for entry in result.predictions(ablation)
        if entry.predicted == "real_cmd" and entry.column in PREDICTORS
    ]


def skipped_sentences(result: Result, ablation: str) -> Iterator[Text]:
    """Say which models have nothing to localize or no task for another reason, and which methods cannot run."""
    skipped = result.skipped(ablation)
    with_task = {cell.subject for cell, _ in result.outcomes if cell.task}
    compiled = {name: o.reason for name, o in skipped.items() if o.scope == "model" and name not in with_task}
    models = [name for name, reason in compiled.items() if NOTHING in reason]
    reasons = [reason for name, reason in compiled.items() if name not in models]
    reasons += [skipped[subject].reason for subject in sorted(with_task & skipped.keys())]
    yield from (_faint(f"Left out: {reason}") for reason in reasons)
    if models:
        yield _faint(f"Left out, nothing to localize under {ablation}: {', '.join(models)}")
    level = result.settings.get("level", "edge")
    unable = [
        f"Left out: {outcome.reason}{_level_hint(cell.method, level)}"
        for cell, outcome in result.outcomes
        if isinstance(outcome, Skipped) and outcome.scope == "method" and cell.ablation == ablation
    ]
    yield from map(_faint, dict.fromkeys(unable))


def _level_hint(method: str, level: str) -> str:
    """Tell the option that a registered method needs, where it scores another level than was asked for."""
    if method not in localization.names() or level in localization.get(method).levels:
        return ""
    return f" Add --level {localization.get(method).levels[0]}."


def worst_place(result: Result, method: str) -> str | None:
    """The model on which a method ranks the true edges lowest, as `groundtruth why` takes it; ``None`` if on none."""
    rows = [row for row in result.scores() if row.method == method and row.live and _auroc(row) < 1]
    if not rows or result.settings.get("level", "edge") != "edge":
        return None
    worst = min(rows, key=_auroc)
    return worst.model if worst.ablation == "resample" else f"{worst.model} --ablation {worst.ablation}"


def _past_the_truth(rows: Sequence[CircuitScores]) -> Iterator[Text]:
    """Name which methods have a higher CPR than the true circuit's own ranking, on the mean over models."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.method != ORACLE and row.truth and row.truth.true_cpr is not None:
            found.setdefault(row.method, []).append((row.cpr, row.truth.true_cpr))
    means = {method: (fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for method, pairs in found.items()}
    past = sorted((m for m, (own, true) in means.items() if own > true + MARGIN), key=lambda m: -means[m][0])
    if past:
        own, true = means[past[0]]
        names = [notation.method_name(method) for method in past]
        others = f" (also {', '.join(names[1:])})" if names[1:] else ""
        yield Text(f"CPR goes past the truth: {names[0]} reaches {own:.2f}, the true circuit {true:.2f}{others}.")


def sampled_sentences(rows: Sequence[CircuitScores]) -> Iterator[Text]:
    """Name models with edges that are undecided on a sample of their domain, so that their scores leave them out."""
    names = sorted({row.model for row in rows if row.truth and row.truth.certainty == "sampled"})
    if names:
        yield Text(f"Truth of a sample of the domain: {', '.join(names)}. ", "warn").append(
            "Undecided edges are not judged, and no recovery counts as exact.", "faint"
        )


def _failures(rows: Sequence[CircuitScores], own: str) -> Iterator[Text]:
    """For the methods that miss most needed edges, or the user's own: how many, of what kind, and the worst model."""
    by_method: dict[str, list[CircuitScores]] = {}
    for row in rows:
        if row.live is not None:
            by_method.setdefault(row.method, []).append(row)
    told = {own: by_method[own]} if own in by_method else by_method
    worst = sorted((method for method in told if _missed(told[method])), key=lambda method: -_missed(told[method]))
    for method in worst[:N_METHODS]:
        yield _failure(told[method])
    yield from _needed_together({method: told[method] for method in worst[N_METHODS:]})


def _needed_together(by_method: Mapping[str, Sequence[CircuitScores]]) -> Iterator[Text]:
    """For the methods that no sentence is about: how many of the edges that each misses no single cut shows."""
    missed = {
        method: [edge for row in rows for edge in row.wrong if edge.kind == "missed"]
        for method, rows in by_method.items()
    }
    shares = {
        method: sum(edge.status == "inert" for edge in edges) / len(edges) for method, edges in missed.items() if edges
    }
    if any(shares.values()):
        listed = sorted(shares, key=lambda method: -shares[method])
        told = ", ".join(f"{notation.method_name(method)} {shares[method]:.0%}" for method in listed)
        yield Text(f"Of the edges that each of the others misses, inert alone and needed together: {told}.")


def _missed(rows: Sequence[CircuitScores]) -> int:
    """Count how many true edges or nodes are missed; where a tie is cut, the expected number."""
    return round(sum(row.live.true * (1 - row.live.recall) for row in rows if row.live))


def _failure(rows: Sequence[CircuitScores]) -> Text:
    total, n_missed = sum(row.live.true for row in rows if row.live), _missed(rows)
    text = Text().append(notation.method_name(rows[0].method), "name")
    text.append(f" misses {n_missed} of {total} needed {rows[0].level}s ({n_missed / total:.0%})")
    if missed := [edge for row in rows for edge in row.wrong if edge.kind == "missed"]:
        if together := sum(edge.status == "inert" for edge in missed) / len(missed):
            text.append(f"; {together:.0%} of those are inert alone and needed together")
        zeros = sum(edge.score == 0 for edge in missed) / len(missed)
        if zeros:
            text.append(f"; {zeros:.0%} of those score exactly 0")
        kind, n = Counter(_reader(edge) for edge in missed).most_common(1)[0]
        if kind and n > 1:
            text.append(f", {n / len(missed):.0%} are {kind}")
    worst = min(rows, key=_auroc)
    text.append(f". Worst: {worst.model} (AUROC {notation.number(_auroc(worst))})")
    example = next((edge for edge in worst.wrong if edge.kind == "missed" and edge.reason), None)
    return text.append(f", without {example.name} ({example.reason})" if example else "").append(".")


def _auroc(row: CircuitScores) -> float:
    return row.live.auroc if row.live and row.live.auroc is not None else 1.0


def _reader(edge: WrongEdge) -> str:
    """Say what kind of destination an edge has."""
    _, arrow, destination = edge.name.partition("->")
    if not arrow:
        return ""
    return _READERS[destination[-2]] if destination.endswith(">") else _READERS[destination[0]]


def _faint(text: str) -> Text:
    return Text().append(text, "faint")
