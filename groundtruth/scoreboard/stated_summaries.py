"""Hold what a bundle says of whole methods to its own cells, which need not be run for it."""

from collections.abc import Iterator

from groundtruth.results.compare_results import SAME
from groundtruth.scoreboard.bundle import Bundle


def false_summaries(bundle: Bundle) -> Iterator[str]:
    """List the means that are not those of the bundle's cells, one line each.

    Columns that only one side has are passed over: another version of this package may have others.

    Args:
        bundle: Bundle that was handed in.
    """
    result = bundle.result
    found = {(one.method, one.ablation): one for name in result.ablations for one in result.summaries(name)}
    for stated in bundle.summaries:
        own = found.get((stated.method, stated.ablation))
        if own is None:
            yield f"summary of {stated.method}: none of its cells is scored"
            continue
        for column, spread in stated.columns.items():
            mean = own.columns[column].mean if column in own.columns else spread.mean
            if abs(mean - spread.mean) > SAME:
                yield f"summary of {stated.method}: {column} {spread.mean:.6g} there, {mean:.6g} by its cells"
