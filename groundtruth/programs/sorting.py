"""Sorting by value, by frequency, by position, and what follows from an order."""

from collections.abc import Sequence
from typing import Any

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    LT,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    length,
    mean,
    number,
    select,
    tokens,
)


def _rank(keys: SOp) -> SOp:
    """How many keys are smaller; the place of each in the order, if all keys differ."""
    return count("rank", select("smaller", keys, keys, LT))


def _sorted(name: str, values: SOp, keys: SOp) -> SOp:
    """``values`` in the order of ``keys``, which must all differ (Tracr lib.make_sort_unique)."""
    return aggregate(name, select("of_rank", _rank(keys), indices, EQ), values)


def _unique(key: SOp, max_seq_len: int) -> SOp:
    """The key with the position as a tie-breaker, for whole-numbered keys (Tracr lib.make_sort)."""
    return combine("unique_key", lambda k, i: k + i / max_seq_len, key, indices)


def all_differ(tokens: Sequence[Any]) -> bool:
    """All tokens differ."""
    return len(set(tokens)) == len(tokens)


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
    return _sorted("sort", tokens, _unique(tokens, 4))


@program(
    "sort_unique",
    family="sorting",
    vocab=(1, 2, 3, 4, 5),
    max_seq_len=5,
    valid=all_differ,
    pad_safe=True,
    source="Tracr lib.make_sort_unique",
    oracle=sorted,
)
def sort_unique() -> SOp:
    """Different tokens in ascending order."""
    return _sorted("sort_unique", tokens, tokens)


@program(
    "sort_descending",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="own",
    oracle=lambda t: sorted(t, reverse=True),
)
def sort_descending() -> SOp:
    """The tokens in descending order."""
    return _sorted("descending", tokens, _unique(apply("negated", lambda token: -token, tokens), 4))


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
    return _sorted("sort_freq", tokens, _unique(apply("rarity", lambda n: -n, hist), 5))


@program(
    "sort_letters",
    family="sorting",
    vocab=("a", "b", "c"),
    max_seq_len=4,
    pad_safe=True,
    source="own",
    oracle=sorted,
)
def sort_letters() -> SOp:
    """Letters in alphabetical order."""
    return _sorted("sorted", tokens, _unique(apply("letter", "abc".index, tokens), 4))


@program(
    "sort_hist",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=False,
    source="own",
    oracle=lambda t: sorted(t.count(token) for token in t),
)
def sort_hist() -> SOp:
    """The histogram in ascending order."""
    hist = count("hist", select("same_token", tokens, tokens, EQ))
    return _sorted("sorted_hist", hist, _unique(hist, 5))


@program(
    "sort_then_reverse",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="own; two programs in series",
    oracle=lambda t: sorted(t)[::-1],
)
def sort_then_reverse() -> SOp:
    """The tokens in ascending order, then backwards."""
    opposite = combine("opposite", lambda n, i: n - i - 1, length(), indices)
    ascending = _sorted("ascending", tokens, _unique(tokens, 4))
    return aggregate("reversed", select("from_opposite", indices, opposite, EQ), ascending)


@program(
    "x_to_end",
    family="sorting",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="own; stable partition",
    oracle=lambda t: sorted(t, key=lambda token: token == "x"),
)
def x_to_end() -> SOp:
    """Every x moved to the end, the other tokens in their order."""
    return _sorted("partitioned", tokens, combine("unique_key", lambda t, i: 10 * (t == "x") + i, tokens, indices))


@program(
    "odd_before_even",
    family="sorting",
    vocab=(1, 2, 3, 4),
    max_seq_len=4,
    pad_safe=True,
    source="own; sorting by two keys",
    oracle=lambda t: sorted(t, key=lambda token: (token % 2 == 0, token)),
)
def odd_before_even() -> SOp:
    """Odd tokens before even ones, each in ascending order."""
    return _sorted("sorted", tokens, _unique(apply("key", lambda t: t + 10 * (t % 2 == 0), tokens), 4))


@program(
    "rank",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sorted(range(len(t)), key=lambda j: (t[j], j)).index(i) for i in range(len(t))],
)
def rank() -> SOp:
    """The place of each token in the sorted sequence; ties in the order of the input."""
    return _rank(_unique(tokens, 5))


@program(
    "dense_rank",
    family="sorting",
    vocab=(1, 2, 3, 4),
    max_seq_len=4,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sorted(set(t)).index(token) for token in t],
)
def dense_rank() -> SOp:
    """How many different tokens are smaller than this one."""
    place = combine("place", lambda token, i: 10 * token + i, tokens, indices)
    same_before = select("same_before", place, place, lambda k, q: k // 10 == q // 10 and k % 10 < q % 10)
    once_each = combine("once_each", lambda t, n: t if n == 0 else 0, tokens, count("earlier", same_before))
    return count("dense_rank", select("smaller", once_each, tokens, lambda k, q: 0 < k < q))


@program(
    "minimum",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [min(t)] * len(t),
)
def minimum() -> SOp:
    """The smallest token, at every position."""
    lowest = select("lowest", _rank(_unique(tokens, 5)), tokens, lambda k, q: k == 0)
    return aggregate("minimum", lowest, tokens)


@program(
    "median",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sorted(t)[(len(t) - 1) // 2]] * len(t),
)
def median() -> SOp:
    """The middle one of the sorted tokens, the lower of two, at every position."""
    middle = apply("middle", lambda n: max(n - 1, 0) // 2, length())
    return aggregate("median", select("of_middle_rank", _rank(_unique(tokens, 5)), middle, EQ), tokens)


@program(
    "spread",
    family="sorting",
    vocab=(1, 2, 3, 4),
    max_seq_len=4,
    pad_safe=False,
    source="own; one rank read by two heads of one layer",
    oracle=lambda t: [max(t) - min(t)] * len(t),
)
def spread() -> SOp:
    """The largest token minus the smallest, at every position."""
    ranks = _rank(_unique(tokens, 4))
    last = apply("last", lambda n: n - 1, length())
    lowest = aggregate("lowest", select("of_first_rank", ranks, tokens, lambda k, q: k == 0), tokens)
    highest = aggregate("highest", select("of_last_rank", ranks, last, EQ), tokens)
    return combine("spread", lambda high, low: high - low, highest, lowest)


@program(
    "is_sorted",
    family="sorting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [list(t) == sorted(t)] * len(t),
)
def is_sorted() -> SOp:
    """Whether no token is smaller than the one before it."""
    just_before = select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0))
    is_descent = combine("is_descent", lambda p, t: p > t, aggregate("previous", just_before, tokens), tokens)
    any_descent = mean(
        "frac_descents",
        select("everywhere", tokens, tokens, TRUE),
        number("descent", lambda x: x, is_descent),
    )
    return apply("is_sorted", lambda share: share == 0, any_descent)
