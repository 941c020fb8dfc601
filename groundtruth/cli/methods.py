"""The command that lists the methods of a track."""

from groundtruth.cli.options import AsJson, OptionalLevel, TrackName, print_json, require_level


def methods(*, track: TrackName = "circuits", level: OptionalLevel = None, json: AsJson = False) -> None:
    """List the methods, with what they score, what they cost and where they are from.

    Args:
        track: circuits, or variables: the featurization methods.
        level: Only those that score this: edge, node or neuron. Circuits only.
        json: Print JSON, for machines.
    """
    from groundtruth.bench import find_track
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import LISTED_METHODS

    chosen = find_track(track, level=level)
    wanted = None if level is None else require_level(level)
    found = [method for method in chosen.methods.registered() if wanted is None or wanted in method.levels]
    listing = LISTED_METHODS[chosen.name]
    if json:
        print_json([listing.data(method) for method in found])
    else:
        echo(listing.table(found))
