"""The command that demonstrates traps."""

from cyclopts import App

from groundtruth.cli.options import AsJson, Seed, flat, print_json


def register(app: App) -> None:
    """Add the command."""
    app.command(traps)


def traps(*names: str, seed: Seed = 0, json: AsJson = False) -> int:
    """Fall into the known traps of variable localization, on models whose variables are known.

    For each: what a usual metric says, what the truth says, and why. Exit code 1 if one no longer shows.

    Args:
        names: Which; all if none is named. One alone is shown in full.
        seed: Of every random choice.
        json: Print JSON, for machines.
    """
    from groundtruth.report.progress import tracked
    from groundtruth.report.style import echo
    from groundtruth.report.traps import trap_data, trap_view, traps_table
    from groundtruth.traps import get
    from groundtruth.traps import names as known

    wanted = [get(name) for name in flat(names) or known()]
    outcomes = list(tracked("falling", (trap.run(seed=seed) for trap in wanted), total=len(wanted)))
    if json:
        print_json([trap_data(outcome) for outcome in outcomes])
    else:
        echo(trap_view(outcomes[0]) if len(outcomes) == 1 else traps_table(outcomes))
    return 0 if all(outcome.shown for outcome in outcomes) else 1
