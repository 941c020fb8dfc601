"""Cells of ``groundtruth bench --tiers``, and the report of their outcomes."""

from typing import TYPE_CHECKING

from groundtruth.cli.benchmark_run import RunOptions, exit_code
from groundtruth.cli.options import print_json

if TYPE_CHECKING:
    from groundtruth.bench import Result


def name_tier_models(models: list[str] | None, level: str) -> list[str]:
    """Name the models of the tiers, tier by tier.

    Raises:
        DomainError: For a level without an AUROC, a model that is a variant already, or models without any tier.
    """
    from groundtruth.bench.tier_choice import choose_tier_models
    from groundtruth.errors import DomainError

    if level == "neuron":
        raise DomainError("--tiers compares AUROC against true edges or nodes; use --level edge or node.")
    return choose_tier_models(models)


def publish_tiers(result: "Result", options: RunOptions, name: str) -> int:
    """Write the result files with the tiers in them, print the table or JSON, and give the exit code."""
    from groundtruth.bench.result_data import result_data
    from groundtruth.files import to_json
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.tiers_view import tier_markdown, tier_view
    from groundtruth.report.views.track_report import result_csv, result_ending, write_contents
    from groundtruth.results.tiers_run import tier_data

    data = {**result_data(result), "tiers": tier_data(result)}
    contents = {"json": to_json(data), "csv": result_csv(result).encode(), "md": tier_markdown(result).encode()}
    paths = write_contents(contents, options.out, name)
    if options.json:
        print_json(data)
    else:
        echo(tier_view(result, wide=options.wide), result_ending(result, paths))
    return exit_code(result)
