"""The command that proves stored models again."""

from pathlib import Path

from groundtruth.cli.executor_options import EXECUTOR_OPTIONS, ExecutorOptions
from groundtruth.cli.options import AsJson, CellTimeout, print_json, split_all


def verify(
    *names: str,
    where: ExecutorOptions = EXECUTOR_OPTIONS,
    cell_timeout: CellTimeout = None,
    json: AsJson = False,
) -> int:
    """Re-prove weights = program and the status of every edge, from the stored models alone.

    Args:
        names: Shipped models, variants such as hist@rotated, trained models, or folders; all that ships if none is
            named.
        where: Executor that runs the proofs.
        cell_timeout: Seconds that one model may take; one that takes longer is not proven, and the exit code is 1.
        json: Print JSON, for machines.
    """
    from groundtruth.model import load
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.verifications import verification_data, verifications_table
    from groundtruth.store.catalog import every_shipped, stored
    from groundtruth.verification.verify_many import verify_many

    wanted = split_all(names)
    for name in wanted:
        if stored(name) is None and not Path(name).is_dir():
            load(name)  # an unknown name is bad input, not a failed proof
    wanted = wanted or every_shipped()
    executor = where.choose_executor(Path("results/jobs"))
    outcomes = verify_many(wanted, executor=executor, timeout=cell_timeout)
    found = list(tracked("verifying", outcomes, total=len(wanted)))
    if json:
        print_json(verification_data(found))
    else:
        echo(verifications_table(found))
    return 0 if all(outcome.ok for outcome in found) else 1
