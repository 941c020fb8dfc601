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

    Cells are compared where method, model, ablation and seed are the same: score both results with the same arguments.
    The exit code is 0, with --fail-if-worse 1 if a limit is broken, and 2 for wrong input: also for results in which
    no limit can be held, as they have no cell in common or no value in its column.

    Args:
        before: A .json file that `groundtruth bench` or `groundtruth score` wrote.
        after: Another, of the same track.
        fail_if_worse: Worsening allowed in the mean of a column, such as auroc=0.02,cmd=0.05. Exit with code 1 if
            that of any method became worse by more, beyond its interval; if a cell that was scored fails now; or if a
            method of the first result is gone from the second.
        wide: Keep every column, however long the lines become.
        json: Print JSON.
    """
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.comparison_view import comparison_data, comparison_view
    from groundtruth.results.compare_results import compare_results, worse_than
    from groundtruth.results.read_results import read_results
    from groundtruth.results.thresholds import parse_limits

    first, second = read_results([before]), read_results([after])
    limits = parse_limits(fail_if_worse, first.tables.thresholds, option="--fail-if-worse")
    found = compare_results(first, second)
    worse = worse_than(found, limits) if fail_if_worse is not None else []
    if json:
        print_json({**comparison_data(found), "worse": worse})
    else:
        echo(comparison_view(found, wide=wide), *worse)
    return 1 if worse else 0
