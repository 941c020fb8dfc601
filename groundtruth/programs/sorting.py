"""Sorting by value, by frequency, and what follows from the order."""

from groundtruth.programs.registry import program
from groundtruth.programs.words import (
    EQ,
    LT,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    select,
    tokens,
)


def _sorted(name: str, values: SOp, keys: SOp) -> SOp:
    """``values`` in the order of ``keys``, which must all differ (Tracr lib.make_sort_unique)."""
    rank = count("rank", select("smaller", keys, keys, LT))
    return aggregate(name, select("of_rank", rank, indices, EQ), values)


@program(
    "sort",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="Tracr lib.make_sort",
    oracle=sorted,
)
def sort() -> SOp:
    """The tokens in ascending order."""
    unique_key = combine("unique_key", lambda token, i: token + i / 4, tokens, indices)
    return _sorted("sort", tokens, unique_key)


@program(
    "sort_freq",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, sort by most frequent; Tracr lib.make_sort_freq",
    oracle=lambda t: sorted(t, key=lambda token: -t.count(token)),
)
def sort_freq() -> SOp:
    """The tokens by how often they occur, most frequent first; ties in the order of the input."""
    hist = count("hist", select("same_token", tokens, tokens, EQ))
    rarity = apply("rarity", lambda n: -n, hist)
    unique_key = combine("unique_key", lambda r, i: r + i / 5, rarity, indices)
    return _sorted("sort_freq", tokens, unique_key)
