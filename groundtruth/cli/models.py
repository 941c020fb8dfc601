"""The command that lists the shipped models."""

from groundtruth.cli.options import AsJson, print_json


def models(*, family: str | None = None, variants: bool = False, json: AsJson = False) -> None:
    """List the shipped models with their sizes and live edges.

    Args:
        family: Only those of one family, such as sorting.
        variants: List the harder variants that ship instead, and how certain their truth is.
        json: Print JSON, for machines.
    """
    from groundtruth.model import load
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import models_table, of_family, variant_data, variants_table
    from groundtruth.store.catalog import shipped_variants, summaries

    found = of_family(summaries(), family)
    table = models_table
    if variants:
        found = [variant_data(variant) for variant in map(load, shipped_variants()) if family in (None, variant.family)]
        table = variants_table
    if json:
        print_json(found)
    else:
        echo(table(found))
