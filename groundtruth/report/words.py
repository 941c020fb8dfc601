"""What a table says, in words: does a metric rank as the truth does, and where do methods fail."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.text import Text

from groundtruth.bench.results import Result
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores, WrongEdge
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import style
from mib.metrics.metric_validity import Validity

MARGIN = 0.02
"""A CPR above the true circuit's by less than this is not told."""

N_METHODS = 4
"""Of how many methods the failures are told."""

NOTHING = "nothing to localize"
"""What the reason says of a model that is left out for having no circuit."""

_READERS = {"q": "queries", "k": "keys", "v": "values", "m": "MLP inputs", "l": "logits"}


def validity_in_words(validity: Sequence[Validity]) -> Iterator[Text]:
    """Kendall's tau of CPR and CMD with exact AUROC, in one line."""
    labels = {"cpr": "CPR", "cmd": "CMD", "mib_cpr": "MIB's CPR", "mib_cmd": "MIB's CMD"}
    taus = [
        (labels[v.metric], v.overall.tau) for v in validity if v.exact == "auroc" and v.overall.tau == v.overall.tau
    ]
    if not taus:
        return
    text = Text("Do the metrics rank methods as the truth does? ").append("Kendall tau with AUROC: ", "faint")
    for index, (label, tau) in enumerate(taus):
        text.append(" · " if index else "").append(f"{label} ").append(f"{tau:.2f}", _mood(tau))
    yield text


def past_the_truth_in_words(rows: Sequence[CircuitScores]) -> Iterator[Text]:
    """Which methods have a higher CPR than the true circuit's own ranking, on the mean over models."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.method != ORACLE and row.truth and row.truth.true_cpr is not None:
            found.setdefault(row.method, []).append((row.cpr, row.truth.true_cpr))
    means = {method: (fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for method, pairs in found.items()}
    past = sorted((m for m, (own, true) in means.items() if own > true + MARGIN), key=lambda m: -means[m][0])
    if past:
        own, true = means[past[0]]
        names = [style.method_name(method) for method in past]
        others = f" (also {', '.join(names[1:])})" if names[1:] else ""
        yield Text(f"CPR goes past the truth: {names[0]} reaches {own:.2f}, the true circuit {true:.2f}{others}.")


def skipped_in_words(result: Result, ablation: str) -> Iterator[Text]:
    """Which models have nothing to localize or no task for another reason, and which methods cannot run."""
    skipped = result.skipped(ablation)
    real = {cell.subject for cell, _ in result.outcomes if cell.task}
    compiled = {name: o.reason for name, o in skipped.items() if o.scope == "model" and name not in real}
    models = [name for name, reason in compiled.items() if NOTHING in reason]
    for name, reason in compiled.items():
        if name not in models:
            yield Text(f"Left out: {reason}", "faint")
    for subject in sorted(real & skipped.keys()):
        yield Text(f"Left out: {skipped[subject].reason}", "faint")
    if models:
        yield Text(f"Left out, nothing to localize under {ablation}: ", "faint").append(", ".join(models), "faint")
    for outcome in (o for o in skipped.values() if o.scope == "method"):
        yield Text(f"Left out: {outcome.reason}", "faint")


def failures_in_words(rows: Sequence[CircuitScores], *, own: str = "") -> Iterator[Text]:
    """For the methods that miss most live edges, or the user's own: how many, of what kind, and the worst model."""
    by_method: dict[str, list[CircuitScores]] = {}
    for row in rows:
        if row.method not in (ORACLE, "random") and row.live is not None:
            by_method.setdefault(row.method, []).append(row)
    told = {own: by_method[own]} if own in by_method else by_method
    worst = sorted((method for method in told if _missed(told[method])), key=lambda method: -_missed(told[method]))
    for method in worst[:N_METHODS]:
        yield _failure(told[method])


def _missed(rows: Sequence[CircuitScores]) -> int:
    """How many true edges or nodes are missed; where a tie is cut, the expected number."""
    return round(sum(row.live.true * (1 - row.live.recall) for row in rows if row.live))


def _failure(rows: Sequence[CircuitScores]) -> Text:
    total, n_missed = sum(row.live.true for row in rows if row.live), _missed(rows)
    text = Text().append(style.method_name(rows[0].method), "name")
    text.append(f" misses {n_missed} of {total} live {rows[0].level}s ({n_missed / total:.0%})")
    if missed := [edge for row in rows for edge in row.wrong if edge.kind == "missed"]:
        zeros = sum(edge.score == 0 for edge in missed) / len(missed)
        if zeros:
            text.append(f"; {zeros:.0%} of those score exactly 0")
        kind, n = Counter(_reader(edge) for edge in missed).most_common(1)[0]
        if kind and n > 1:
            text.append(f", {n / len(missed):.0%} are {kind}")
    worst = min(rows, key=lambda row: _auroc(row))
    text.append(f". Worst: {worst.model} (AUROC {style.number(_auroc(worst))})")
    example = next((edge for edge in worst.wrong if edge.kind == "missed" and edge.reason), None)
    return text.append(f", without {example.name} ({example.reason})" if example else "").append(".")


def _auroc(row: CircuitScores) -> float:
    return row.live.auroc if row.live and row.live.auroc is not None else 1.0


def _reader(edge: WrongEdge) -> str:
    """What kind of destination an edge has."""
    _, arrow, destination = edge.name.partition("->")
    if not arrow:
        return ""
    return _READERS[destination[-2]] if destination.endswith(">") else _READERS[destination[0]]


def _mood(tau: float) -> str:
    return "good" if tau > 0.7 else "warn" if tau > 0.3 else "bad"
