"""The command that proves stored models again."""

import os
from pathlib import Path

from groundtruth.cli.options import AsJson, Jobs, flat, print_json


def verify(*names: str, jobs: Jobs = None, json: AsJson = False) -> int:
    """Re-prove weights = program and the status of every edge, from the stored models alone.

    Args:
        names: Shipped models, variants such as hist@rotated, trained models, or folders; all that ships if none is
            named.
        jobs: Processes; by default one a CPU. Fewer take less memory.
        json: Print JSON, for machines.
    """
    from groundtruth.model import load
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.verifications import verification_data, verifications_table
    from groundtruth.store.catalog import shipped, shipped_large, shipped_trained, shipped_variants, stored
    from groundtruth.truth.verify import verify_many

    wanted = flat(names)
    for name in wanted:
        if stored(name) is None and not Path(name).is_dir():
            load(name)  # an unknown name is bad input, not a failed proof
    wanted = wanted or [*shipped(), *shipped_large(), *shipped_variants(), *shipped_trained()]
    found = list(tracked("verifying", verify_many(wanted, processes=jobs or os.cpu_count() or 1), total=len(wanted)))
    if json:
        print_json(verification_data(found))
    else:
        echo(verifications_table(found))
    return 0 if all(outcome.ok for outcome in found) else 1
