"""One board of several bundles: methods of one track on the same cells, each with where it comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from groundtruth.errors import ArtifactError
from groundtruth.results.cell import Cell, Failed, Outcome, Skipped
from groundtruth.results.result import Result
from groundtruth.scoreboard.bundle import Bundle
from groundtruth.user_methods import is_own_method

SHORT = 8
"""Digits of the hash that tells two methods of one name apart."""


@dataclass(frozen=True)
class Origin:
    """Where a method on a board comes from.

    Attributes:
        bundle: The bundle that has it.
        name: Its name in the bundle.
        sha256: Hash of its sources, of a built-in one of our code; empty if the bundle does not say.
    """

    bundle: Bundle
    name: str
    sha256: str


@dataclass(frozen=True)
class Board:
    """Methods of one track on the same cells.

    Attributes:
        result: Outcomes of the methods that were scored on all places of the board, by the names of the board.
        origins: By name on the board.
        incomplete: By name on the board: on how many of its places a method has no score.
        n_places: Number of places: models in a setting, with a seed.
    """

    result: Result
    origins: Mapping[str, Origin]
    incomplete: Mapping[str, int]
    n_places: int


def build_board(bundles: Sequence[Bundle]) -> Board:
    """Put bundles of one track onto one board.

    The places of the board are those of the bundle that has most. Whoever has no score on one of them, because it was
    not run there, could not run or failed, is not ranked: a mean over fewer places is another mean. Places where nobody
    has a score do not count.

    Raises:
        ArtifactError: If there is no bundle, or bundles were scored by different code, or disagree about a model.
    """
    if not bundles:
        raise ArtifactError("no result files of bench or score: nothing to build a leaderboard of.")
    _require_one_truth(bundles)
    origins: dict[str, Origin] = {}
    found: dict[Cell, Outcome] = {}
    for bundle in bundles:
        for cell, outcome in bundle.result.outcomes:
            name = _name_on_board(bundle, cell.method)
            origins[name] = Origin(bundle, cell.method, bundle.methods_sha256.get(cell.method, ""))
            found[replace(cell, method=name)] = _renamed(outcome, name)
    # Not the union of all places: one bundle with a place of its own would leave every other method unranked.
    widest = max(bundles, key=lambda bundle: len(_scored_places(bundle.result.outcomes)))
    places = _scored_places(widest.result.outcomes)
    missing = {name: len(places - _scored_places(_of(found, name))) for name in origins}
    kept = [(cell, outcome) for cell, outcome in found.items() if not missing[cell.method] and cell.evaluator in places]
    settings = {name: value for name, value in widest.result.settings.items() if name not in ("method", "parameters")}
    seconds = sum(bundle.result.seconds for bundle in bundles)
    incomplete = {name: n for name, n in missing.items() if n}
    controls = frozenset(name for name, one in origins.items() if one.bundle.result.is_control(one.name))
    return Board(Result(tuple(kept), settings, seconds, controls), origins, incomplete, len(places))


def _require_one_truth(bundles: Sequence[Bundle]) -> None:
    """Refuse bundles whose numbers cannot be compared."""
    first = bundles[0]
    for other in bundles[1:]:
        if other.code_sha256 != first.code_sha256:
            raise ArtifactError(
                f"{first.path} was scored by code {first.code_sha256[:12]}, {other.path} by {other.code_sha256[:12]}: "
                "their numbers do not compare. Run one of them again with the version of the other."
            )
        for name in first.models_sha256.keys() & other.models_sha256.keys():
            if first.models_sha256[name] != other.models_sha256[name]:
                raise ArtifactError(f"the model '{name}' of {other.path} is another than that of {first.path}.")


def _name_on_board(bundle: Bundle, method: str) -> str:
    """A built-in method's name; of a method in a file its function with the hash of its sources."""
    if not is_own_method(method):
        return method
    digest = bundle.methods_sha256.get(method, "")
    return f"{method.rpartition(':')[2]}@{digest[:SHORT] or bundle.path.stem}"


def _renamed(outcome: Outcome, name: str) -> Outcome:
    return outcome if isinstance(outcome, Failed | Skipped) else replace(outcome, method=name)


def _scored_places(outcomes: Iterable[tuple[Cell, Outcome]]) -> set[Cell]:
    return {cell.evaluator for cell, outcome in outcomes if not isinstance(outcome, Failed | Skipped)}


def _of(found: Mapping[Cell, Outcome], method: str) -> list[tuple[Cell, Outcome]]:
    return [(cell, outcome) for cell, outcome in found.items() if cell.method == method]
