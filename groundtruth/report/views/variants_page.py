"""Compare models with their variants, as Markdown: ``python -m groundtruth.report.views.variants_page RESULT_FILES``.

For runs that name variants themselves, such as ``bench --models hist,hist@votes``; ``tiers_page`` is for ``--tiers``.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from groundtruth.errors import ArtifactError, DomainError
from groundtruth.report import notation
from groundtruth.report.markdown import markdown_list, markdown_table, markdown_text
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.circuit_values import circuit_values
from groundtruth.results.read_results import read_results
from groundtruth.results.result import Result
from groundtruth.results.tiers_run import base_and_tier
from groundtruth.variants.tiers import RAW

GOOD, FALL = 0.95, 0.1
"""A variant bites if a method with at least so much AUROC on the models themselves loses so much on it."""

_COLUMNS: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "auroc": ("AUROC", statistics.fmean),
    "size_to_sufficiency": ("|C| / k", statistics.fmean),
    "gap": ("gap, geometric mean", statistics.geometric_mean),
}
"""Columns that are shown, with their headings and how they are averaged over models."""

Values = Mapping[str, Mapping[str, float]]
"""A column of one method, by variant and model."""


def variant_tables(result: Result, ablation: str) -> str:
    """A table a column, methods by variants, each over the models that have the variant; and in words what bites.

    Args:
        result: Scores of models and of their variants.
        ablation: Kind of ablation of cut edges.

    Raises:
        DomainError: If no variant stands beside its own model.
    """
    steps = list(dict.fromkeys(base_and_tier(model)[1] for model in result.models))
    if RAW not in steps or len(steps) < 2:
        raise DomainError(
            "nothing to compare: the result needs models and variants of them, such as hist and hist@votes."
        )
    methods = sorted(result.methods, key=lambda method: (result.is_control(method), method))
    blocks: list[str] = []
    for column, (heading, average) in _COLUMNS.items():
        rows = [
            [_method(result, method), *_row(result, ablation, method, column, steps, average)] for method in methods
        ]
        blocks += [f"**{markdown_text(heading)}**, {ablation} ablation", markdown_table(["method", *steps], rows)]
    bites = [_in_words(result, ablation, step) for step in steps if step != RAW]
    return "\n\n".join([*blocks, markdown_list(bites)]) + "\n"


def _row(
    result: Result,
    ablation: str,
    method: str,
    column: str,
    steps: Sequence[str],
    average: Callable[[Sequence[float]], float],
) -> list[str]:
    values = _values(result, ablation, method, column)
    return [notation.number(average(list(own.values())) if (own := values.get(step)) else None) for step in steps]


def _values(result: Result, ablation: str, method: str, column: str) -> Values:
    found: dict[str, dict[str, float]] = {}
    for cell, outcome in result.outcomes:
        if isinstance(outcome, CircuitScores) and (cell.method, cell.ablation) == (method, ablation):
            value = circuit_values(outcome)[column]
            base, step = base_and_tier(cell.model)
            if value is not None:
                found.setdefault(step, {})[base] = value
    return found


def _in_words(result: Result, ablation: str, step: str) -> str:
    """Name which good methods lose on a variant, over the models that have it."""
    lost: dict[str, float] = {}
    n_models = 0
    for method in result.methods:
        values = _values(result, ablation, method, "auroc")
        raw, hard = values.get(RAW, {}), values.get(step, {})
        both = [base for base in raw if base in hard]
        n_models = max(n_models, len(both))
        if both and not result.is_control(method):
            before, after = (statistics.fmean(known[base] for base in both) for known in (raw, hard))
            if before >= GOOD and before - after >= FALL:
                lost[method] = before - after
    names = [f"{notation.method_name(method)} -{lost[method]:.2f}" for method in sorted(lost, key=lambda m: -lost[m])]
    told = f"bites: {', '.join(names)}" if names else f"does not bite: no method with {GOOD} or more loses {FALL}"
    return f"{step} ({notation.plural(n_models, 'model')}) {told}"


def _method(result: Result, method: str) -> str:
    name = markdown_text(notation.method_name(method))
    return f"{name} (control)" if result.is_control(method) else name


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of result files; 1 if a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="JSON files of groundtruth bench")
    given = parser.parse_args(arguments)
    try:
        result = read_results(given.results)
        text = "\n".join(variant_tables(result, ablation) for ablation in result.ablations)
    except (ArtifactError, DomainError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
