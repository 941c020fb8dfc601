"""The command that demonstrates pitfalls."""

from groundtruth.cli.options import AsJson, Seed, flat, print_json


def pitfalls(*names: str, seed: Seed = 0, json: AsJson = False) -> int:
    """Fall into the known pitfalls of variable localization, on models whose variables are known.

    For each: what a usual metric says, what the truth says, and why. Exit code 1 if one no longer shows.

    Args:
        names: Which; all if none is named. One alone is shown in full.
        seed: Of every random choice.
        json: Print JSON, for machines.
    """
    from groundtruth.pitfalls import get
    from groundtruth.pitfalls import names as known
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.pitfalls_table import pitfall_data, pitfall_view, pitfalls_table

    wanted = [get(name) for name in flat(names) or known()]
    outcomes = list(tracked("falling", (pitfall.run(seed=seed) for pitfall in wanted), total=len(wanted)))
    if json:
        print_json([pitfall_data(outcome) for outcome in outcomes])
    else:
        echo(pitfall_view(outcomes[0]) if len(outcomes) == 1 else pitfalls_table(outcomes))
    return 0 if all(outcome.shown for outcome in outcomes) else 1
