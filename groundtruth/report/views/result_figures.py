"""The figures of a result: faithfulness curves, a score by tier, methods by models, and cost against quality."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from groundtruth.errors import DomainError
from groundtruth.report import notation
from groundtruth.report.figure import Chart, Figure, Matrix, Series, number_methods
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.kept_scores import KeptCurves
from groundtruth.results.result import Result
from groundtruth.results.summary import Summary
from groundtruth.results.tiers_run import tiers_of
from groundtruth.validity.tiers_of_result import tier_scores
from mib.errors import did_you_mean

N_METHODS = 7
"""Number of contestants in a chart of lines unless methods are named: more than that nobody tells apart."""

SHARES = tuple(float(share) for share in np.geomspace(0.01, 1.0, 41))
"""Shares of the edges at which the curves of several models are averaged."""

HEADINGS = {"auroc": "AUROC", "cpr": "CPR", "accuracy": "IIA", "precision": "precision"}


def result_figures(result: Result, ablation: str = "", *, methods: Sequence[str] | None = None) -> list[Figure]:
    """Make the figures of a result, those for which it has values.

    Args:
        result: Result of a run.
        ablation: One of ``result.ablations``; empty for the first.
        methods: Methods that are drawn as lines; by default the best contestants, and the oracle.

    Raises:
        DomainError: If a method or the ablation is not in the result.
    """
    chosen = _known(ablation or (result.ablations or [""])[0], result.ablations or [""], "ablation")
    summaries = [summary for summary in result.summaries(chosen) if summary.n_scored]
    names = [summary.method for summary in summaries]
    if methods is not None:
        lines = [_known(name, names, "method") for name in methods]
    else:
        lines = _usual_lines(result, summaries)
    return number_methods(
        [
            *_faithfulness(result, chosen, lines),
            *_by_tier(result, chosen, lines if methods is not None else None),
            *_cost(result, summaries, lines if methods is not None else None),
            *_by_model(result, chosen, names),
        ]
    )


def choose_figures(figures: Sequence[Figure], names: Sequence[str] | None) -> list[Figure]:
    """Choose figures by name; all if none is named.

    Raises:
        DomainError: If there is nothing to draw, or no figure of such a name.
    """
    if not figures:
        raise DomainError("the result has nothing to draw: no method was scored.")
    by_name = {figure.name: figure for figure in figures}
    return [by_name[_known(name, list(by_name), "figure")] for name in names or by_name]


def _known(name: str, names: Sequence[str], kind: str) -> str:
    if name in names:
        return name
    raise DomainError(
        f"the result has no {kind} '{name}'.{did_you_mean(name, names)} Choose from {', '.join(names) or 'none'}."
    )


def _usual_lines(result: Result, summaries: Sequence[Summary]) -> list[str]:
    """The oracle, the user's own method, and the best contestants."""
    own = str(result.settings.get("method", ""))
    contestants = [summary.method for summary in summaries if not summary.is_control]
    first = [own] if own in contestants else []
    chosen = list(dict.fromkeys([*first, *contestants]))[:N_METHODS]
    controls = [
        summary.method for summary in summaries if summary.is_control and summary.method in ("oracle", "random")
    ]
    return chosen + controls


def _faithfulness(result: Result, ablation: str, methods: Sequence[str]) -> Iterator[Chart]:
    """The curves that CPR and CMD are areas of, on compiled models and on language models."""
    groups = (("", result.compiled_scores(ablation)), ("language-models", result.language_model_scores(ablation)))
    for kind, rows in groups:
        curves = _curves(rows, methods)
        n = len(next(iter(curves.values()), {}))
        if not n:
            continue
        where = notation.plural(n, "language model task" if kind else "model")
        for name, attribute, order in (("cpr", "signed", "signed scores"), ("cmd", "absolute", "magnitudes")):
            yield Chart(
                name=f"{name}-{kind}" if kind else name,
                title=f"{name.upper()}: faithfulness of circuits by {order}, mean of {where}",
                x_label="share of edges kept",
                y_label="faithfulness",
                series=tuple(
                    Series(method, *_mean_curve(list(own.values()), attribute), result.is_control(method))
                    for method, own in curves.items()
                ),
                x_log=True,
                reference=1.0,
            )


def _curves(rows: Sequence[Any], methods: Sequence[str]) -> dict[str, dict[str, KeptCurves]]:
    """The curves of each method on the places that all of them were scored on."""
    found: dict[str, dict[str, KeptCurves]] = {}
    for row in rows:
        if isinstance(row, CircuitScores) and row.curves is not None and row.method in methods:
            found.setdefault(row.method, {})[f"{row.model}/{row.task}/{row.seed}"] = row.curves
    if not found:
        return {}
    shared = set.intersection(*map(set[str], found.values()))
    ordered = [method for method in methods if method in found]
    return {method: {place: found[method][place] for place in sorted(shared)} for method in ordered}


def _mean_curve(curves: Sequence[KeptCurves], attribute: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """One model's own points but the empty circuit, which a logarithmic axis has no place for; of several the mean."""
    if len(curves) == 1:
        (only,) = curves
        return only.fractions[1:], getattr(only, attribute)[1:]
    drawn = [np.interp(SHARES, one.fractions, getattr(one, attribute)) for one in curves]
    return SHARES, tuple(float(value) for value in np.mean(drawn, axis=0))


def _by_tier(result: Result, ablation: str, methods: Sequence[str] | None) -> Iterator[Chart]:
    """The first score with a truth, over the models of each tier."""
    score = "auroc" if result.tables.name == "circuits" else "accuracy"
    known = {one.tier: one for one in tier_scores(result, [score], ablation=ablation)}
    ordered = [tier for tier in tiers_of(result) if tier in known]
    ordered += [tier for tier in known if tier not in ordered]
    if len(ordered) < 2:
        return
    means = {
        method: {tier: known[tier].values[method] for tier in ordered if method in known[tier].values}
        for method in dict.fromkeys(method for tier in ordered for method in known[tier].values)
    }
    best = sorted(means, key=lambda method: -fmean(means[method].values()))
    drawn = best[: N_METHODS + 1] if methods is None else [method for method in methods if method in means]
    yield Chart(
        name="tiers",
        title=f"{HEADINGS[score]} by tier",
        x_label="tier",
        y_label=HEADINGS[score],
        series=tuple(
            Series(method, tuple(float(ordered.index(tier)) for tier in means[method]), tuple(means[method].values()))
            for method in drawn
        ),
        categories=tuple(f"{tier} ({known[tier].n_models})" for tier in ordered),
    )


def _by_model(result: Result, ablation: str, methods: Sequence[str]) -> Iterator[Matrix]:
    """The first score of every method on every place; CPR where no truth is known."""
    is_circuit = result.tables.name == "circuits"
    found: dict[str, dict[str, list[float]]] = {method: {} for method in methods}
    for cell, row in result.outcomes:
        if cell.ablation != ablation or cell.method not in found or not hasattr(row, "method"):
            continue
        values = result.tables.scoring.values(row)
        names = ("auroc", "measured_auroc", "cpr") if is_circuit else ("accuracy",)
        value = next((v for name in names if (v := values.get(name)) is not None), None)
        if value is not None:
            found[cell.method].setdefault(cell.place, []).append(value)
    places = [place for place in result.places if any(place in own for own in found.values())]
    if places:
        yield Matrix(
            name="models",
            title="AUROC by model (CPR where no truth is known)" if is_circuit else "Interchange accuracy by place",
            rows=tuple(found),
            columns=tuple(places),
            values=tuple(
                tuple(fmean(own[place]) if place in own else None for place in places) for own in found.values()
            ),
            colours_from=0.5 if is_circuit else 0.0,
        )


def _cost(result: Result, summaries: Sequence[Summary], methods: Sequence[str] | None) -> Iterator[Chart]:
    """Say what a method costs against what it reaches."""
    is_circuit = result.tables.name == "circuits"
    cost, label = ("passes", "passes over the examples") if is_circuit else ("seconds", "seconds")
    candidates = ("auroc", "cpr") if is_circuit else ("precision", "accuracy")
    quality = next((name for name in candidates if any(name in summary.columns for summary in summaries)), None)
    if quality is None:
        return
    series = tuple(
        Series(summary.method, (summary.columns[cost].mean,), (summary.columns[quality].mean,), summary.is_control)
        for summary in summaries
        if quality in summary.columns and cost in summary.columns and summary.columns[cost].mean > 0
        if methods is None or summary.method in methods
    )
    if series:
        yield Chart(
            name="cost",
            title=f"Cost against {HEADINGS[quality]}, mean over models",
            x_label=label,
            y_label=HEADINGS[quality],
            series=series,
            marks="points",
            x_log=True,
        )
