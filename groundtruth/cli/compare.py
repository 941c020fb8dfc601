"""The command that compares two results."""

from pathlib import Path

from groundtruth.cli.options import AsJson, print_json


def compare(
    before: Path,
    after: Path,
    /,
    *,
    fail_if_worse: str | None = None,
    wide: bool = False,
    json: AsJson = False,
) -> int:
    """Say what changed from one result of bench or score to another: columns, places, edges, cells.

    Args:
        before: A .json file that `groundtruth bench` or `groundtruth score` wrote.
        after: Another, of the same track.
        fail_if_worse: Exit with 1 if the mean of a column got worse by more than this beyond its interval, or a cell
            fails now; such as auroc=0.02,cmd=0.05.
        wide: Keep every column, however long the lines become.
        json: Print JSON.
    """
    from groundtruth.bench.compare_results import compare_results, worse_than
    from groundtruth.bench.read_results import read_results
    from groundtruth.bench.thresholds import parse_thresholds
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.comparison_view import comparison_data, comparison_view

    first, second = read_results([before]), read_results([after])
    limits = parse_thresholds(fail_if_worse, first.track.thresholds, option="--fail-if-worse")
    found = compare_results(first, second)
    worse = worse_than(found, limits) if fail_if_worse is not None else []
    if json:
        print_json({**comparison_data(found), "worse": worse})
    else:
        echo(comparison_view(found, wide=wide), *worse)
    return 1 if worse else 0
