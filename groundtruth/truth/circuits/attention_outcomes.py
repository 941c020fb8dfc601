"""Everything that a head can write at a position, when each position that it sees holds one of finitely many things.

A head's output is a mean of what stands at the positions that it sees, weighted by powers of scores. So it depends on
*how many* positions hold a pair (score, value), not on which: bags of such pairs are counted position by position. A
pair whose score lies ``GAP`` below one that is certainly there weighs less than rounding and is left out at once;
without that, the tokens that a head does not select would multiply the bags.

A bag may hold the value ``ANYTHING``: then the mean may be anything. So may that of a state with more bags than are
counted, but what a head writes at other positions is followed on: at BOS, where a cut can make a head take the mean of
all tokens, hardly ever anything looks.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]

Part: TypeAlias = tuple[float, int]
"""A score and the class of the value that is moved with that weight."""

Offer: TypeAlias = tuple[float, int, float, int]
"""Offer of one position: score and value of the full run, score and value of the cut run."""

Item: TypeAlias = tuple[Part | None, Part | None]
"""Offer of one position in the full run and in the cut run; ``None``: nothing that weighs anything."""

Bag: TypeAlias = tuple[tuple[Part, int], ...]
"""Number of positions that offer each pair, in the order of the pairs."""

Bags: TypeAlias = tuple[Bag, Bag]
"""A bag of the full run and one of the cut run."""

GAP = 45.0
"""A score this much below the largest weighs exp(-45) = 3e-20 of it: less than the rounding of a float64 sum."""

BAG_LIMIT = 20_000
"""Different bags at one position before what a head writes there counts as anything."""

ANYTHING = -1
"""The class of what is not followed: any vector at all, or for a key any score."""

ANY_BAGS: Bags = ((((0.0, ANYTHING), 1),), (((0.0, ANYTHING), 1),))
"""Bags of a mean that may be anything, in the full run and in the cut run."""


class TooManyClasses(Exception):
    """A proof by classes depends on what takes more values than it may hold; nothing follows from that."""


def floors(offers: Iterable[Iterable[Offer]]) -> tuple[float, float]:
    """The largest score that is certainly there, in the full run and in the cut run.

    Args:
        offers: For each position, all that it can offer, as (score, value) of the full run and of the cut run.
    """
    full = cut = -math.inf
    for offer in offers:
        scores = list(offer)
        # The position offers one of these, whichever it is, so that at least its lowest score is there.
        full = max(full, min(item[0] for item in scores))
        cut = max(cut, min(item[2] for item in scores))
    return full, cut


def items_above(offer: Iterable[Offer], floor: tuple[float, float]) -> frozenset[Item]:
    """Return what a position offers, without what weighs nothing beside a score that is certainly there.

    Args:
        offer: All that it can offer, as (score, value) of the full run and of the cut run.
        floor: The largest scores that are certainly there.
    """
    return frozenset(
        (
            (score, value) if score >= floor[0] - GAP else None,
            (cut_score, cut_value) if cut_score >= floor[1] - GAP else None,
        )
        for score, value, cut_score, cut_value in offer
    )


def bags_of(offers: Sequence[frozenset[Item]]) -> frozenset[Bags] | None:
    """Every pair of bags that positions can offer together; each offers one of its items.

    Positions that only offer what weighs nothing are left out; the order of positions does not matter to a sum.

    Returns:
        They; ``None`` if they are more than ``BAG_LIMIT``.
    """
    # A sum does not change by what weighs nothing; sorted, for positions that offer the same in another order share a
    # result.
    telling = [offer for offer in offers if any(item != (None, None) for item in offer)]
    return _bags(tuple(sorted(telling, key=_order)))


def _order(offer: frozenset[Item]) -> tuple[int, str]:
    return len(offer), str(sorted(map(str, offer)))


@lru_cache(maxsize=4096)
def _bags(offers: tuple[frozenset[Item], ...]) -> frozenset[Bags] | None:
    if max(_at_least(offers, 0), _at_least(offers, 1)) > BAG_LIMIT:
        return None
    found: set[Bags] = {((), ())}
    for offer in offers:
        # A set: orders of positions that lead to one bag are counted once, which keeps powers down to multisets.
        found = {(add_part(full, own), add_part(cut, other)) for full, cut in found for own, other in offer}
        if len(found) > BAG_LIMIT:
            return None
    return frozenset(found)


def _at_least(offers: Sequence[frozenset[Item]], run: int) -> int:
    """Count how many bags one run has at least, without listing them.

    No bag drops a pair that scores nearly as much as anything offered. So m positions that all offer the same k such
    pairs give each multiset of m of them, whatever the other positions hold.
    """
    parts = [frozenset(part for item in offer if (part := item[run]) is not None) for offer in offers]
    top = max((score for offer in parts for score, _ in offer), default=0.0)
    kept = Counter(frozenset(part for part in offer if part[0] >= top - GAP) for offer in parts)
    return max((math.comb(m + len(pairs) - 1, m) for pairs, m in kept.items() if pairs), default=1)


@lru_cache(maxsize=2**17)
def add_part(bag: Bag, part: Part | None) -> Bag:
    """A bag with one more pair, without what weighs nothing beside its largest score."""
    if part is None:
        return bag
    counts = dict(bag)
    counts[part] = counts.get(part, 0) + 1
    top = max(score for score, _ in counts)
    return tuple(sorted((own, n) for own, n in counts.items() if own[0] >= top - GAP))


def head_bags(parts: Sequence[Ids], scores: Array, *, causal: bool) -> list[list[list[Bags]]]:
    """For each state of each position, every pair of bags that a head may take the mean of there.

    Args:
        parts: For each position, the classes of what is read in each state [state, (q, q cut, k, k cut, v, v cut)].
        scores: The score of each class of queries with each class of keys [query, key].
        causal: Whether a position sees only itself and the past.

    Returns:
        For each state the pairs, or only ``ANY_BAGS``, if they are too many or depend on what is not followed.
    """
    offered = [np.unique(own[:, 2:], axis=0) for own in parts]
    table = scores.tolist()
    found: list[list[list[Bags]]] = []
    for position, own in enumerate(parts):
        # The position itself is not among them: it holds this very state, not just any of its states.
        others = [offer for j, offer in enumerate(offered) if j != position and (j < position or not causal)]
        states, inverse = np.unique(own, axis=0, return_inverse=True)
        bags = dict[tuple[int, ...], list[Bags]]()
        for query in np.unique(states[:, :2], axis=0).tolist():
            bags |= _bags_of_query(query, states, others, table)
        names = [tuple(state) for state in states.tolist()]
        found.append([bags[names[index]] for index in inverse.reshape(-1).tolist()])
    return found


def _bags_of_query(
    query: list[int], states: Ids, others: Sequence[Ids], scores: list[list[float]]
) -> dict[tuple[int, ...], list[Bags]]:
    """The bags of every state of a position that asks one query (in the full run and in the cut run)."""
    mine = states[(states[:, :2] == query).all(1)]
    # Keys of any score leave no weight known. Only columns 0 and 1 of what is offered are keys.
    if ANYTHING in query or any(bool((rows[:, :2] == ANYTHING).any()) for rows in [*others, mine[:, 2:]]):
        return {tuple(state): [ANY_BAGS] for state in mine.tolist()}
    full, cut = scores[query[0]], scores[query[1]]

    def offer(rows: Ids) -> set[Offer]:
        return {(full[k], v, cut[k_cut], v_cut) for k, k_cut, v, v_cut in rows.tolist()}

    raw, own = [offer(rows) for rows in others], offer(mine[:, 2:])
    # Over all states of the query: a floor that is lower than that of one state only keeps more.
    floor = floors([*raw, own])
    bags = bags_of([items_above(item, floor) for item in raw])
    found: dict[tuple[int, ...], list[Bags]] = {}
    for state in mine.tolist():
        (item,) = items_above(offer(np.array([state[2:]])), floor)
        pairs = {ANY_BAGS} if bags is None else {(add_part(a, item[0]), add_part(b, item[1])) for a, b in bags}
        found[tuple(state)] = sorted(pairs)
    return found


def weights_of(bag: Bag) -> list[tuple[int, float]]:
    """The values of a bag, each with its weight in the mean."""
    # The largest power is exp(0) = 1, so that none overflows and the total is no less than 1.
    top = max(score for (score, _), _ in bag)
    powers = [(value, n * math.exp(score - top)) for (score, value), n in bag]
    total = sum(power for _, power in powers)
    return [(value, power / total) for value, power in powers]
