"""Cells of ``groundtruth bench --tiers``, and the report of their outcomes."""

from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.running import show

if TYPE_CHECKING:
    from groundtruth.bench import Result


def tier_names(models: list[str] | None, level: str) -> list[str]:
    """List the models of all tiers, tier by tier.

    Raises:
        DomainError: For a level without an AUROC, or a model that is a variant already.
    """
    from groundtruth.bench.tiers_run import tier_models
    from groundtruth.errors import DomainError

    if level == "neuron":
        raise DomainError("--tiers compares AUROC against true edges or nodes; use --level edge or node.")
    return tier_models(models)


def report_tiers(result: "Result", out: Path, name: str, json: bool) -> int:
    """Write the result files with the tiers in them, print the table or JSON, and say whether a method failed."""
    from groundtruth.bench.results import as_data
    from groundtruth.bench.tiers_run import tier_data
    from groundtruth.files import to_json
    from groundtruth.report.views.tiers_view import tier_markdown, tier_view
    from groundtruth.report.views.track_report import result_csv, result_ending, write_contents

    data = {**as_data(result), "tiers": tier_data(result)}
    contents = {"json": to_json(data), "csv": result_csv(result).encode(), "md": tier_markdown(result).encode()}
    paths = write_contents(contents, out, name)
    return show(result, json=json, data=lambda: data, view=lambda: (tier_view(result), result_ending(result, paths)))
