"""The command that demonstrates pitfalls."""

from pathlib import Path

from groundtruth.cli.options import AsJson, Seed, print_json, require_writable, split_all


def pitfalls(*names: str, seed: Seed = 0, explore: bool = False, out: Path | None = None, json: AsJson = False) -> int:
    """Fall into the known pitfalls of variable localization, on models whose variables are known.

    For each: what a usual metric says, what the truth says, and why. Exit code 1 if one no longer shows.

    Args:
        names: Names of pitfalls; all if none is named. One alone is shown in full.
        seed: Seed of every random choice.
        explore: Write them as stories too: a page for each, which runs its model in the browser and leads through
            it step by step, and an index of them.
        out: Folder of the stories; by default pitfalls in the current one.
        json: Print JSON, for machines.
    """
    from groundtruth.errors import GroundTruthError
    from groundtruth.pitfalls import get
    from groundtruth.pitfalls import names as known
    from groundtruth.report.progress import count_up, tracked
    from groundtruth.report.terminal import echo, echo_written
    from groundtruth.report.views.pitfalls_table import pitfall_data, pitfall_view, pitfalls_table

    if out is not None and not explore:
        raise GroundTruthError(f"--out {out}: only stories are written to a folder. Add --explore.")
    folder = _story_folder(out) if explore else None
    wanted = [get(name) for name in split_all(names) or known()]
    outcomes = list(tracked("falling", (pitfall.run(seed=seed) for pitfall in wanted), total=len(wanted)))
    if json:
        print_json([pitfall_data(outcome) for outcome in outcomes])
    else:
        echo(pitfall_view(outcomes[0]) if len(outcomes) == 1 else pitfalls_table(outcomes))
    if folder is not None:
        from groundtruth.explorer.site_files import INDEX
        from groundtruth.explorer.story_files import write_stories

        with count_up("writing") as report:
            written = write_stories(folder, outcomes, report=report)
        if not json:
            echo_written(folder / INDEX, f"pages written: {len(written)}; open it in a browser")
    return 0 if all(outcome.shown for outcome in outcomes) else 1


def _story_folder(out: Path | None) -> Path:
    folder = out or Path("pitfalls")
    require_writable(folder)
    return folder
