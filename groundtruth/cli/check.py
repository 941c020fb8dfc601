"""The command that holds a method to its contract."""

from groundtruth.cli.options import AsJson, OptionalLevel, TrackName, print_json, require_level


def check(method: str, /, *, track: TrackName = "circuits", level: OptionalLevel = None, json: AsJson = False) -> int:
    """Hold a method of your own to its contract, on small mock tasks, in seconds.

    Every edge is scored, by a finite number, in the right shape; the same seed gives the same scores; the model is
    left as it was, without hooks. With --track variables: the featurizer swaps features and nothing else.

    Args:
        method: my_file.py:my_method, my_pkg.my_mod:my_method, or the name of a registered method.
        track: circuits, or variables: for featurization methods.
        level: Parts that the method scores: edge (the default), node or neuron. Circuits only.
        json: Print JSON, for machines.
    """
    from groundtruth.bench import find_track
    from groundtruth.bench.tracks import refuse_methods_of_others
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.contract_view import contract_data, contract_table
    from groundtruth.testing.contract import hold_to_contract

    found, scored = find_track(track, level=level), require_level(level or "edge")
    refuse_methods_of_others(found, [method])
    known = found.methods.find(method, scored)
    with working(f"running {known.name} on mock tasks"):
        promises = hold_to_contract(known, found.name, scored)
    if json:
        print_json(contract_data(known.name, promises))
    else:
        echo(contract_table(known.name, promises))
    return 0 if all(promise.ok for promise in promises) else 1
