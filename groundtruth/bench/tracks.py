"""The tracks of the benchmark by name."""

from collections.abc import Iterable, Mapping

from groundtruth.bench.circuit_track import CIRCUITS
from groundtruth.bench.track import Track
from groundtruth.bench.variable_track import VARIABLES
from groundtruth.errors import DomainError
from groundtruth.results.cell import Cell
from groundtruth.results.track_tables import find_tables
from mib.errors import MethodError

TRACKS: Mapping[str, Track] = {track.name: track for track in (CIRCUITS, VARIABLES)}

_WHY_NOT = {
    "isolated": "a featurizer is code that runs while it is scored. ",
    "pairs": "circuits are not learned from pairs of their own. ",
}
"""Why a track has not an option of the other, where it is not the usual reason of the variable track."""


def find_track(name: str, **options: object) -> Track:
    """Find a track by name.

    Args:
        name: As the user wrote it.
        options: Options of the command line that not every track has, with what was given for them.

    Raises:
        DomainError: If there is no such track, or an option does not belong to it.
    """
    track = TRACKS[find_tables(name).name]
    for option, value in options.items():
        if value is not None and option not in track.options:
            owners = " and ".join(other.name for other in TRACKS.values() if option in other.options)
            why = _WHY_NOT.get(option, "variables are swapped, not ablated, and have no edges. ")
            raise DomainError(f"--{option} is an option of --track {owners}: {why}Leave it out.")
    return track


def refuse_methods_of_others(track: Track, names: Iterable[str]) -> None:
    """Refuse names that only another track knows, and tell the option that leads there.

    Args:
        track: The track that was asked for.
        names: Methods as the user wrote them; those that no track knows are left to the registry's own error.

    Raises:
        MethodError: If a name is a method of another track alone.
    """
    own = {method.name for method in track.methods.registered()}
    for name in names:
        owners = [
            other.name for other in TRACKS.values()
            if name not in own and any(name == method.name for method in other.methods.registered())
        ]  # fmt: skip
        if owners:
            raise MethodError(f"'{name}' is a method of the track of {owners[0]}. Add --track {owners[0]}.")


def track_of(cell: Cell) -> Track:
    """Find the track that a cell belongs to."""
    return TRACKS[cell.setting.track]
