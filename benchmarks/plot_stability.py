"""What a stable circuit is worth: the Jaccard index of the best edges over resamples beside their F1 against the truth.

``python benchmarks/plot_stability.py RESULT.json ...`` reads results of ``groundtruth bench --resamples N`` and writes
their points into docs/stability.csv, where those of other methods and models stay; with and without a result it draws
docs/stability.svg and prints the tables of docs/stability.md.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from groundtruth.report.notation import method_name
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.read_results import read_results
from groundtruth.results.stability import stability
from mib.metrics.metric_validity import kendall_tau, tau_interval

DOCS = Path(__file__).parents[1] / "docs"
TABLE = DOCS / "stability.csv"
BINS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01))
SHOWN = ("eap", "eap-ig-inputs", "relp", "gim", "exact", "ugs", "hisp", "activation-norm")
"""Methods with a colour of their own; the others are grey."""


@dataclass(frozen=True)
class Point:
    """One method on one model: how stable its best edges are, and how right in the mean over resamples."""

    method: str
    model: str
    control: bool
    jaccard: float
    f1: float


def points(path: Path) -> list[Point]:
    """Take a point of each method and model that was scored more than once."""
    result = read_results([path])
    rows: dict[tuple[str, str], list[CircuitScores]] = defaultdict(list)
    for cell, outcome in result.outcomes:
        if isinstance(outcome, CircuitScores) and outcome.live and cell.method != "oracle":
            rows[cell.method, cell.model].append(outcome)
    return [
        Point(method, model, result.is_control(method), jaccard, fmean(row.live.f1 for row in own if row.live))
        for (method, model), own in rows.items()
        if (jaccard := stability(own)) is not None
    ]


def print_tables(found: Sequence[Point]) -> None:
    """Print F1 by stability, and both by method."""
    contestants = [point for point in found if not point.control]
    print("| Jaccard index | cells | median F1 | F1 of .9 or more | F1 below .5 |\n| --- | ---: | ---: | ---: | ---: |")
    for low, high in BINS:
        inside = [point.f1 for point in contestants if low <= point.jaccard < high]
        if inside:
            right, wrong = (fmean(map(test, inside)) for test in (lambda f: f >= 0.9, lambda f: f < 0.5))
            name = f"{low:.2f} to {min(high, 1.0):.2f}"
            print(f"| {name} | {len(inside)} | {median(inside):.2f} | {right:.0%} | {wrong:.0%} |")
    print("\n| method | Jaccard | F1 |\n| --- | ---: | ---: |")
    by_method: dict[str, list[Point]] = defaultdict(list)
    for point in found:
        by_method[point.method].append(point)
    means = {name: (fmean(p.jaccard for p in own), fmean(p.f1 for p in own)) for name, own in by_method.items()}
    for name, (jaccard, f1) in sorted(means.items(), key=lambda item: -item[1][0]):
        note = " (control)" if by_method[name][0].control else ""
        print(f"| {method_name(name)}{note} | {jaccard:.2f} | {f1:.2f} |")
    ranked = [means[name] for name in means if not by_method[name][0].control]
    columns = [one[0] for one in ranked], [one[1] for one in ranked]
    low, high = tau_interval(*columns)
    n_models = len({point.model for point in found})
    print(f"\nKendall's tau of the two over {len(ranked)} methods, in the mean over {n_models} models: ", end="")
    print(f"{kendall_tau(*columns):.2f} ({low:.2f} to {high:.2f})")


def plot(found: Sequence[Point], path: Path) -> None:
    """Draw F1 over the Jaccard index, a dot for each method and model."""
    mpl.rcParams["svg.hashsalt"] = "stability"  # the same file for the same numbers
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    colours: dict[str | None, Any] = {name: mpl.colormaps["tab10"](index) for index, name in enumerate(SHOWN)}
    for name in (None, *SHOWN):
        own = [point for point in found if (point.method == name if name else point.method not in SHOWN)]
        axes.scatter(
            [point.jaccard for point in own], [point.f1 for point in own], s=14, alpha=0.7,
            color=colours.get(name, "lightgrey"), label=method_name(name) if name else "others",
        )  # fmt: skip
    axes.set(xlabel="Jaccard index of the best |C| edges over resamples", ylabel="F1 against the circuit")
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(1, 0))
    figure.savefig(path, metadata={"Date": None})


def kept() -> list[Point]:
    """Read the points that were written before."""
    with TABLE.open(newline="") as file:
        return [
            Point(row["method"], row["model"], row["control"] == "yes", float(row["jaccard"]), float(row["f1"]))
            for row in csv.DictReader(file)
        ]


def write(found: Sequence[Point]) -> None:
    """Write the points, and those of other methods and models that were written before."""
    every = {(p.method, p.model): p for p in (*kept(), *found)}
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["method", "model", "control", "jaccard", "f1"])
        for _, p in sorted(every.items()):
            table.writerow([p.method, p.model, "yes" if p.control else "no", round(p.jaccard, 4), round(p.f1, 4)])


def main() -> None:
    """Read points, print the tables, and draw the figure."""
    if len(sys.argv) > 1:
        found = [point for path in sys.argv[1:] for point in points(Path(path))]
        if not found:
            raise SystemExit("No method was scored twice on a model; run groundtruth bench --resamples 3.")
        write(found)
    found = kept()
    print_tables(found)
    plot(found, DOCS / "stability.svg")


if __name__ == "__main__":
    main()
