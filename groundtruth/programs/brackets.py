"""Balanced brackets: running balances, and membership in the (shuffle) Dyck languages."""

from collections.abc import Sequence

from groundtruth.programs.registry import program
from groundtruth.programs.words import (
    EQ,
    LEQ,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    difference,
    indices,
    length,
    mean,
    number,
    select,
    tokens,
)


def _balance(opening: str, closing: str) -> SOp:
    """Fraction of opening minus fraction of closing brackets up to here (Tracr lib.make_pair_balance)."""
    opened, closed = (
        mean(
            f"fraction_{bracket}",
            select("so_far", indices, indices, LEQ),
            number(f"is_{bracket}", lambda token, bracket=bracket: token == bracket, tokens),
        )
        for bracket in (opening, closing)
    )
    return difference(f"balance_{opening}{closing}", opened, closed)


def _fractions(tokens: Sequence[str], opening: str, closing: str) -> list[float]:
    prefixes = [tokens[:i] for i in range(1, len(tokens) + 1)]
    return [(prefix.count(opening) - prefix.count(closing)) / len(prefix) for prefix in prefixes]


def _shuffle_dyck(pairs: Sequence[str]) -> SOp:
    """Whether each kind of bracket is balanced by itself (Tracr lib.make_shuffle_dyck)."""
    balances = [_balance(opening, closing) for opening, closing in pairs]
    any_negative = apply("negative_0", lambda b: b < 0, balances[0])
    all_zero = apply("zero_0", lambda b: b == 0, balances[0])
    for kind, balance in enumerate(balances[1:], start=1):
        negative = apply(f"negative_{kind}", lambda b: b < 0, balance)
        any_negative = combine("any_negative", lambda x, y: x or y, any_negative, negative)
        zero = apply(f"zero_{kind}", lambda b: b == 0, balance)
        all_zero = combine("all_zero", lambda x, y: x and y, all_zero, zero)
    everywhere = select("everywhere", indices, indices, TRUE)
    ever_negative = mean("ever_negative", everywhere, number("is_negative", lambda x: x, any_negative))
    last = apply("last", lambda n: n - 1, length())
    closed = aggregate("closed", select("at_last", indices, last, EQ), all_zero)
    never_negative = apply("never_negative", lambda x: not x, ever_negative)
    return combine("balanced", lambda x, y: x and y, closed, never_negative)


def _is_shuffle_dyck(tokens: Sequence[str], pairs: Sequence[str]) -> list[bool]:
    depth = dict.fromkeys(pairs, 0)
    for token in tokens:
        pair = next(pair for pair in pairs if token in pair)
        depth[pair] += 1 if token == pair[0] else -1
        if depth[pair] < 0:
            return [False] * len(tokens)
    return [not any(depth.values())] * len(tokens)


@program(
    "pair_balance",
    family="brackets",
    vocab=("(", ")", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021; Tracr lib.make_pair_balance",
    oracle=lambda t: _fractions(t, "(", ")"),
)
def pair_balance() -> SOp:
    """The fraction of opening minus the fraction of closing brackets so far."""
    return _balance("(", ")")


@program(
    "shuffle_dyck",
    family="brackets",
    vocab=("(", ")"),
    max_seq_len=6,
    pad_safe=True,
    source="Weiss et al. 2021; Tracr lib.make_shuffle_dyck",
    oracle=lambda t: _is_shuffle_dyck(t, ["()"]),
)
def shuffle_dyck() -> SOp:
    """Whether the brackets are balanced."""
    return _shuffle_dyck(["()"])


@program(
    "shuffle_dyck2",
    family="brackets",
    vocab=("(", ")", "{", "}"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021; Tracr lib.make_shuffle_dyck2",
    oracle=lambda t: _is_shuffle_dyck(t, ["()", "{}"]),
)
def shuffle_dyck2() -> SOp:
    """Whether two kinds of brackets are each balanced, however they interleave."""
    return _shuffle_dyck(["()", "{}"])
