"""The command that scores all methods on many models."""

from groundtruth.cli.bench_tiers import name_tier_models, publish_tiers
from groundtruth.cli.benchmark_run import (
    ASKED,
    RUN_OPTIONS,
    Asked,
    RunOptions,
    name_run,
    print_plan,
    publish_result,
    run_request,
)
from groundtruth.cli.options import require_writable, split


def bench(
    *,
    methods: str | None = None,
    tiers: bool = False,
    asked: Asked = ASKED,
    options: RunOptions = RUN_OPTIONS,
) -> int:
    """Score all methods on the shipped models, against the exact circuits and with MIB's metrics.

    Where nothing is known exactly, on the learned model that ships, MIB's metrics are shown beside those of the others.

    A run that was stopped continues where it stopped: what is already in OUT/cells is not run again, unless the cell,
    its model, the code that scores it, a package, or the method has changed: its file and all that it imports from
    outside site-packages. What a method reads while it runs (data files, the network, the environment) is not covered:
    use --fresh after a change of it.

    Args:
        methods: Names, my_file.py:my_method or my_pkg.my_mod:my_method, separated by commas, instead of all.
        tiers: Each method on every tier: models as compiled and, of the same, each harder variant (docs/tiers.md).
            Models are those that ship on all tiers, or any that are named; one of which a tier cannot be made is left
            out of that tier, and the report says why. Circuits only.
        asked: Options that say what is run.
        options: Options of the run.
    """
    from groundtruth.errors import DomainError

    # Before anything is imported or run: hours of work must have somewhere to go.
    require_writable(options.out)
    track = asked.find_track(tiers=tiers or None)
    request = asked.request(split(methods, "--methods"))
    if tiers and asked.tier is not None:
        raise DomainError(f"--tiers runs every tier; leave out --tier {asked.tier}, or --tiers.")
    if tiers and options.columns is not None:
        raise DomainError("--columns chooses scores, and the columns of --tiers are tiers; --wide shows all of them.")
    if tiers:
        models = name_tier_models(split(asked.models, "--models"), asked.scored)
        request = asked.request(request.methods, models=models, dtype=asked.dtype or "float64")
    if options.plan:
        return print_plan(track, request, options)
    if not tiers:
        result = run_request(track, request, options)
        return publish_result(result, options, name_run(track, request, asked.profile))
    return publish_tiers(run_request(track, request, options), options, name_run(track, request, "tiers"))
