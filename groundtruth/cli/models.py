"""The command that lists the shipped models."""

from groundtruth.cli.options import AsJson, print_json


def models(*, family: str | None = None, variants: bool = False, tier: str | None = None, json: AsJson = False) -> None:
    """List the shipped models with their sizes and live edges.

    Args:
        family: Only those of one family, such as sorting.
        variants: List the harder variants that ship instead, and how certain their truth is.
        tier: List the models of one tier instead: trained, layernorm, or one of the variants' such as rotated; or
            those of large domains (large), or of programs that were learned by gradient descent (learned).
        json: Print JSON, for machines.
    """
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import (
        models_table,
        of_family,
        of_tier,
        trained_table,
        variant_data,
        variants_table,
    )
    from groundtruth.store.catalog import LARGE, LAYERNORM, LEARNED, TRAINED, library, shipped_variants
    from groundtruth.store.summaries import summaries, trained_summaries

    if tier in (TRAINED, LAYERNORM):
        found = of_family(trained_summaries(tier), family)
        table = trained_table
    elif tier in (LARGE, LEARNED):
        from groundtruth.store.write_index import folder_summaries  # which reads the models, and torch with them

        found = of_family(folder_summaries(library() / tier), family)
        table = models_table
    elif tier is not None or variants:
        from groundtruth.errors import DomainError
        from groundtruth.model import load_compiled
        from groundtruth.results.model_tiers import mixtures
        from groundtruth.variants.tiers import MIXTURE

        if tier == MIXTURE:
            raise DomainError(
                f"mixtures do not ship: they are made, and their circuits proven, when they are asked for. Show one, "
                f"such as `groundtruth show {mixtures()[0]}`; `groundtruth bench --tier {MIXTURE}` takes "
                f"{', '.join(mixtures())}."
            )
        table = variants_table
        others = [LARGE, LAYERNORM, LEARNED, MIXTURE, TRAINED]
        names = shipped_variants() if tier is None else of_tier(shipped_variants(), tier, known=others)
        found = [variant_data(variant) for variant in map(load_compiled, names) if family in (None, variant.family)]
    else:
        found = of_family(summaries(), family)
        table = models_table
    if json:
        print_json(found)
    else:
        echo(table(found))
