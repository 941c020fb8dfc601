"""Two results compared cell by cell: what changed beyond its interval, where, and on which edges."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groundtruth.errors import DomainError
from groundtruth.results.cell import Cell, Failed
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.result import Result, Scores

RESAMPLES = 2000
"""Number of bootstrap draws of places for an interval."""

LEAST_PLACES = 5
"""On fewer places an interval by bootstrap says too little; there any change counts."""

SAME = 1e-9
"""Values that differ by less are the same: sums may be rounded otherwise on another machine."""

COSTS = ("seconds", "passes")
"""Columns that change from run to run, or say what a method costs and not what it reaches."""

Place = tuple[str, str]
"""A model, task or variable at a site, and the ablation."""


@dataclass(frozen=True)
class Change:
    """One column of one method that is not what it was.

    Attributes:
        method: Its name.
        column: Column of the track.
        before: Mean over the places that both results have.
        after: The same afterwards.
        interval: Ends of the 95 % interval of the mean change, by bootstrap over places; equal where they are few.
        worse: True if it got worse.
        places: The places that changed most, with the change there, largest first.
        n_places: Over how many places.
    """

    method: str
    column: str
    before: float
    after: float
    interval: tuple[float, float]
    worse: bool
    places: tuple[tuple[str, float], ...]
    n_places: int

    @property
    def difference(self) -> float:
        """Rise of the mean."""
        return self.after - self.before


@dataclass(frozen=True)
class EdgeChange:
    """An edge that a method ranked on the right side of the true size before and not after, or the reverse.

    Attributes:
        method: The method.
        place: Place of the change.
        edge: Its name.
        kind: ``missed`` or ``false``, in the result that has it wrong.
        now: True if it is wrong in the second result; else in the first.
    """

    method: str
    place: str
    edge: str
    kind: str
    now: bool


OF_THE_MODEL = ("true_cpr", "true_cmd")
"""Columns that are the same for every method: what the true circuit reaches on the model."""


@dataclass(frozen=True)
class Comparison:
    """A second result held against a first.

    Attributes:
        changes: Columns that changed beyond their interval: by method, in the order of the track's columns.
        edges: Edges that came to be wrong or right.
        new: Cells that only the second result has scored.
        missing: Cells that only the first has scored.
        failing: Cells that were scored before and failed after.
        n_shared: Cells that both have scored.
        gone: Methods of the first result that have no cell in common with the second, and none that failed there.
        columns: Columns that are compared: those that have a value in cells that both have scored.
    """

    changes: tuple[Change, ...]
    edges: tuple[EdgeChange, ...]
    new: tuple[str, ...]
    missing: tuple[str, ...]
    failing: tuple[str, ...]
    n_shared: int
    gone: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def compare_results(before: Result, after: Result, *, seed: int = 0) -> Comparison:
    """Compare two results of one track, on the cells that both have scored.

    Means are over places that both have, and intervals are of the paired change: what is hard on one place is as hard
    in the other result.

    Args:
        before: The first result.
        after: The second.
        seed: Seeds the bootstrap.

    Raises:
        DomainError: If they are of different tracks.
    """
    if before.tables is not after.tables:
        raise DomainError(
            f"one result is of the track of {before.tables.name}, the other of {after.tables.name}. Compare two of one."
        )
    first, second = _scores(before), _scores(after)
    shared = [key for key in first if key in second]
    failed = {_key(cell) for cell, outcome in after.outcomes if isinstance(outcome, Failed)}
    changes: list[Change] = []
    for method in dict.fromkeys(method for method, _, _ in shared):
        own = [key for key in shared if key[0] == method]
        changes += _changes(before, method, {key: (first[key], second[key]) for key in own}, seed)
    return Comparison(
        changes=tuple(changes),
        edges=tuple(_edges({key: (first[key], second[key]) for key in shared})),
        new=tuple(_spelt(key) for key in second if key not in first),
        missing=tuple(_spelt(key) for key in first if key not in second and key not in failed),
        failing=tuple(_spelt(key) for key in first if key in failed),
        n_shared=len(shared),
        gone=tuple(dict.fromkeys(key[0] for key in first if key[0] not in {one[0] for one in [*shared, *failed]})),
        columns=_columns(before, [pair for key in shared for pair in (first[key], second[key])]),
    )


def worse_than(comparison: Comparison, limits: Mapping[str, float]) -> list[str]:
    """Write a line for each change that is worse by more than a limit, each failing cell and each method that is gone.

    Args:
        comparison: Changes of columns and cells.
        limits: By column: how much worse a mean may be.

    Raises:
        DomainError: If no limit can be held against the results: they have no cell in common, or no value in a column.
    """
    # Whoever asks for a limit wants it held: a result of other models or methods would pass whatever its scores are.
    if not comparison.n_shared and not comparison.failing:
        raise DomainError(
            "nothing to hold a limit against: the two results have no cell in common, of the same method, model, "
            "ablation and seed. Score both with the same arguments."
        )
    if unknown := [column for column in limits if comparison.n_shared and column not in comparison.columns]:
        raise DomainError(
            f"no limit can be held to '{unknown[0]}' in these results. What is compared in the cells that both have: "
            f"{', '.join(comparison.columns)}."
        )
    lines = [f"fails now: {cell}" for cell in comparison.failing]
    lines += [f"gone: {method} is in the first result, and has no score in the second" for method in comparison.gone]
    for change in comparison.changes:
        limit = limits.get(change.column)
        if limit is not None and change.worse and abs(change.difference) > limit:
            lines.append(
                f"worse: {change.column} of {change.method} from {change.before:.4f} to {change.after:.4f} over "
                f"{change.n_places} places, more than {limit:g}"
            )
    return lines


_Key = tuple[str, Place, int]
_Both = tuple[Scores, Scores]


def _key(cell: Cell) -> _Key:
    return cell.method, (cell.place, cell.ablation), cell.seed


def _scores(result: Result) -> dict[_Key, Scores]:
    return {_key(cell): outcome for cell, outcome in result.outcomes if isinstance(outcome, Scores)}


def _spelt(key: _Key) -> str:
    method, (place, ablation), seed = key
    return f"{method} on {place}" + (f", {ablation}" if ablation else "") + (f", seed {seed}" if seed else "")


def _columns(result: Result, scores: Sequence[Scores]) -> tuple[str, ...]:
    """Name the columns of methods that have a value in any of some scores."""
    found = [result.tables.scoring.values(one) for one in scores]
    names = dict.fromkeys(name for values in found for name, value in values.items() if value is not None)
    return tuple(name for name in names if name not in (*COSTS, *OF_THE_MODEL))


def _changes(result: Result, method: str, both: Mapping[_Key, _Both], seed: int) -> list[Change]:
    tables = result.tables
    values = {key: tuple(tables.scoring.values(one) for one in pair) for key, pair in both.items()}
    found: list[Change] = []
    for column in dict.fromkeys(name for pair in values.values() for name in pair[0]):
        if column in COSTS or column in OF_THE_MODEL:
            continue
        by_place: dict[Place, list[tuple[float, float]]] = {}
        for (_, place, _), (one, other) in values.items():
            old, new = one.get(column), other.get(column)
            if old is not None and new is not None:
                by_place.setdefault(place, []).append((old, new))
        change = _change(method, column, by_place, lower=column in tables.lower_is_better, seed=seed)
        if change is not None:
            found.append(change)
    return found


def _change(
    method: str, column: str, by_place: Mapping[Place, Sequence[tuple[float, float]]], *, lower: bool, seed: int
) -> Change | None:
    """The change of a column, over seeds within a place and then over places; none if it may be chance."""
    if not by_place:
        return None
    old = np.array([statistics.fmean(pair[0] for pair in pairs) for pairs in by_place.values()])
    new = np.array([statistics.fmean(pair[1] for pair in pairs) for pairs in by_place.values()])
    difference = new - old
    if np.abs(difference).max() <= SAME:
        return None
    mean = float(difference.mean())
    low = high = mean
    if len(difference) >= LEAST_PLACES:
        drawn = np.random.default_rng(seed).integers(len(difference), size=(RESAMPLES, len(difference)))
        low, high = map(float, np.quantile(difference[drawn].mean(1), (0.025, 0.975)))
        if low <= 0 <= high:
            return None
    order = np.argsort(-np.abs(difference), kind="stable")
    names = [place + (f", {ablation}" if ablation else "") for place, ablation in by_place]
    places = tuple((names[i], float(difference[i])) for i in order if abs(difference[i]) > SAME)
    worse = mean > 0 if lower else mean < 0
    return Change(method, column, float(old.mean()), float(new.mean()), (low, high), worse, places, len(old))


def _edges(both: Mapping[_Key, _Both]) -> list[EdgeChange]:
    found: list[EdgeChange] = []
    for key, (old, new) in both.items():
        if isinstance(old, CircuitScores) and isinstance(new, CircuitScores):
            before, after = ({edge.name: edge.kind for edge in one.wrong} for one in (old, new))
            place = key[1][0]
            found += [EdgeChange(key[0], place, e, kind, now=True) for e, kind in after.items() if e not in before]
            found += [EdgeChange(key[0], place, e, kind, now=False) for e, kind in before.items() if e not in after]
    return found
