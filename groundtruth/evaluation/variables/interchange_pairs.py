"""Which interchanges a task holds: pairs that tell something, all of them where there are few, else a sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.predictor import Bools, Predictor, Swaps
from mib.errors import did_you_mean
from mib.site import Site

Pairs = Literal["one position", "moved", "fixed"]

ENUMERATED = 2**16
"""Up to this many interchanges are all gone through; of more, samples are drawn."""

_BATCH = 4096
"""Interchanges in one sample."""

_BATCHES = 24
"""Number of samples that are drawn in search of pairs that tell something."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Interchanges that tell something.

    Attributes:
        causes: After these the output is another one: what a no-op gets wrong.
        isolations: In these the variable is the same in base and source, so that nothing may change.
        exhaustive: True if these are all that there are.
    """

    causes: Swaps
    isolations: Swaps
    exhaustive: bool


def require_pairs(pairs: str) -> Pairs:
    """The kind of pairs of a name.

    Raises:
        DomainError: If there is none.
    """
    kinds: tuple[Pairs, ...] = get_args(Pairs)
    for kind in kinds:
        if kind == pairs:
            return kind
    raise DomainError(f"pairs='{pairs}' is unknown.{did_you_mean(pairs, kinds)} Choose from {', '.join(kinds)}.")


def draw(
    predictor: Predictor, pairs: Pairs, *, n: int, rng: np.random.Generator, positions: tuple[int, ...] | None = None
) -> Drawn:
    """Interchanges of one kind.

    Args:
        predictor: The source of what each interchange gives.
        pairs: ``one position``: at one position of each pair. ``moved``: with the value from another position.
            ``fixed``: at several positions, between inputs of the greatest length.
        n: Number of pairs of each sort that suffice.
        rng: Draws them, and puts them in order.
        positions: For ``fixed``: at which, from 0; by default all.
    """
    where = tuple(range(predictor.width)) if positions is None else positions
    every = _every(predictor, pairs, where)
    causes, isolations = list[Swaps](), list[Swaps]()
    for batch in _batches(predictor, pairs, where, every, rng):
        found = predictor.predict(batch)
        causes.append(batch.take(np.flatnonzero(found.defined & found.changed & ~found.same)))
        isolations.append(batch.take(np.flatnonzero(found.defined & found.same & _differ(batch))))
        # Until there are enough of both; the rarer sort decides how long is drawn.
        if every is None and min(sum(map(len, causes)), sum(map(len, isolations))) >= n:
            break
    return Drawn(_distinct(Swaps.join(causes), rng), _distinct(Swaps.join(isolations), rng), every is not None)


def draw_telling(predictor: Predictor, site: Site, pairs: str | None, *, n: int, rng: np.random.Generator) -> Drawn:
    """Interchanges of the kind asked for, or of the first kind that tells something.

    Args:
        predictor: The source of what each interchange gives.
        site: The place of the swap; its positions, if it has any, are those that are swapped.
        pairs: Their kind; ``None`` for the first of one position, moved and fixed.
        n: Number of pairs of each sort that suffice.
        rng: Draws them, and puts them in order.

    Raises:
        DomainError: For an unknown kind, or another than ``fixed`` at a site with positions.
    """
    positions = None
    if site.positions is not None:
        if pairs not in (None, "fixed"):
            raise DomainError(
                f"pairs='{pairs}' at site '{site}': a site with positions has fixed pairs. Leave one out."
            )
        pairs, positions = "fixed", tuple(_position(site, p, predictor.width) for p in site.positions)
    kinds: tuple[Pairs, ...] = ("one position", "moved", "fixed") if pairs is None else (require_pairs(pairs),)
    drawn = draw(predictor, kinds[0], n=n, rng=rng, positions=positions)
    for kind in kinds[1:]:
        if len(drawn.causes):
            break
        drawn = draw(predictor, kind, n=n, rng=rng, positions=positions)
    return drawn


def _position(site: Site, position: int, width: int) -> int:
    """From 0 without BOS."""
    if not -width <= position <= width or position == 0:
        raise DomainError(f"site '{site}': position {position} is not one of a token; use 1 to {width} (BOS is 0).")
    return position - 1 if position > 0 else width + position


def every_pair(predictor: Predictor) -> Swaps | None:
    """All interchanges at all positions, between inputs of the greatest length; ``None`` if they are too many."""
    return _every(predictor, "fixed", tuple(range(predictor.width)))


def _batches(
    predictor: Predictor, pairs: Pairs, where: tuple[int, ...], every: Swaps | None, rng: np.random.Generator
) -> Iterator[Swaps]:
    if every is not None:
        yield every
        return
    for _ in range(_BATCHES):
        yield _some(predictor, pairs, where, rng)


def _every(predictor: Predictor, pairs: Pairs, where: tuple[int, ...]) -> Swaps | None:
    """All interchanges of a kind; ``None`` if they are too many."""
    lengths = predictor.lengths
    if pairs == "fixed":
        longest = np.flatnonzero(lengths == lengths.max())
        if len(longest) ** 2 > ENUMERATED:
            return None
        base, source = longest.repeat(len(longest)), np.tile(longest, len(longest))
        spots = np.tile(np.array(where), (len(base), 1))
        return Swaps(base, source, spots, spots)
    if len(lengths) ** 2 * predictor.width > ENUMERATED:
        return None
    moved = pairs == "moved"
    found = [
        (b, s, p, q)
        for b, s in product(range(len(lengths)), repeat=2)
        for p in range(lengths[b])
        for q in (range(lengths[s]) if moved else (p,))
        if q < lengths[s] and (p != q) == moved
    ]
    table = np.array(found, dtype=np.int64).reshape(-1, 4)
    return Swaps(table[:, 0], table[:, 1], table[:, 2:3], table[:, 3:4])


def _some(predictor: Predictor, pairs: Pairs, where: tuple[int, ...], rng: np.random.Generator) -> Swaps:
    """A sample, with repetitions."""
    lengths = predictor.lengths
    inputs = np.flatnonzero(lengths == lengths.max()) if pairs == "fixed" else np.arange(len(lengths))
    base, source = (rng.choice(inputs, size=_BATCH) for _ in range(2))
    if pairs == "fixed":
        spots = np.tile(np.array(where), (_BATCH, 1))
        return Swaps(base, source, spots, spots)
    if pairs == "one position":
        same = rng.integers(np.minimum(lengths[base], lengths[source]))[:, None]
        return Swaps(base, source, same, same)
    ours, theirs = (rng.integers(lengths[chosen])[:, None] for chosen in (base, source))
    return Swaps(base, source, ours, theirs).take(np.flatnonzero((ours != theirs)[:, 0]))


def _differ(swaps: Swaps) -> Bools:
    """Tell whether base and source are not the same state of the same input [pair]."""
    return (swaps.base != swaps.source) | (swaps.base_positions != swaps.source_positions).any(1)


def _distinct(swaps: Swaps, rng: np.random.Generator) -> Swaps:
    """Each interchange once, in random order."""
    parts = [swaps.base[:, None], swaps.source[:, None], swaps.base_positions, swaps.source_positions]
    # Once each: a pair that came twice could be learned from and tested on.
    _, first = np.unique(np.concatenate(parts, axis=1), axis=0, return_index=True)
    return swaps.take(rng.permutation(first))
