"""The command that scores a method of the user's own beside the baselines."""

from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.benchmark_run import (
    ASKED,
    RUN_OPTIONS,
    Asked,
    RunOptions,
    judge_thresholds,
    name_run,
    print_plan,
    publish_result,
    run_request,
)
from groundtruth.cli.options import Parameters, read_parameters, require_writable, split

if TYPE_CHECKING:
    from groundtruth.bench import Result


def score(
    method: str,
    /,
    *,
    set: Parameters = None,
    against: str | None = None,
    fail_under: str | None = None,
    scores: Path | None = None,
    asked: Asked = ASKED,
    options: RunOptions = RUN_OPTIONS,
) -> int:
    """Score a method of your own next to the baselines.

    The method is a function of a task, in a file of yours: def my_method(task: mib.LocalizationTask) -> mib.EdgeScores,
    or, with --track variables, def my_method(task: mib.FeaturizationTask) -> mib.Featurizer.

    What is already in OUT/cells is not run again, unless the code that scores, a package, or the method has changed:
    its file and all that it imports from outside site-packages. What it reads while it runs (data files, the network,
    the environment) is not covered: use --fresh after a change of it.

    Args:
        method: my_file.py:my_method, my_pkg.my_mod:my_method, or the name of a registered method.
        set: A hyper-parameter of the method, as name=value; more than once for several.
        against: Methods to compare with, separated by commas; by default all baselines of the level; "" for none.
        fail_under: Exit with code 1 if the mean of a column is less, such as auroc=0.9 or precision=0.8 (several by
            commas); for cmd if it is more.
        scores: Write what each method gave each edge into this folder, METHOD/MODEL/importances.json as MIB has it and
            scores.csv, a matrix; circuits only.
        asked: Options that say what is run; the ablation is resample unless others are named.
        options: Options of the run.
    """
    require_writable(options.out)
    from groundtruth.results.thresholds import parse_thresholds, unmet_thresholds

    track, level = asked.find_track(scores=scores), asked.scored
    if scores is not None:
        require_writable(scores, "--scores")
    thresholds = parse_thresholds(fail_under, track.tables.thresholds)
    parameters = read_parameters(set, method, track.methods.parameters(method, level))
    others = track.methods.compared(level) if against is None else split(against, "--against", empty=True) or []
    request = asked.request(
        [method, *(name for name in others if name != method)],
        ablations=split(asked.ablation, "--ablation") or ["resample"],
        parameters={method: parameters},
    )
    if options.plan:
        return print_plan(track, request, options)
    result = run_request(track, request, options, method=method, parameters=parameters)
    name = name_run(track, request, method.rpartition(":")[2], settings={"cwd": str(Path.cwd())})
    code = publish_result(result, options, name, own=method)
    if scores is not None:
        _write_scores(result, scores, quiet=options.json)
    return judge_thresholds(code, unmet_thresholds(result, method, thresholds), json=options.json)


def _write_scores(result: "Result", folder: Path, *, quiet: bool) -> None:
    """Write the score files, and say where they are unless standard output holds JSON alone."""
    from rich.text import Text

    from groundtruth.report.score_files import CSV_NAME, JSON_NAME, write_scores
    from groundtruth.report.terminal import echo

    written = write_scores(result, folder)
    if not quiet:
        told = f"{folder}/METHOD/MODEL/{JSON_NAME} and {CSV_NAME}: {len(written)} of each"
        echo(Text(f"{told}. MIB's format has no edges of pos: these are in {CSV_NAME} alone.", "faint"))
