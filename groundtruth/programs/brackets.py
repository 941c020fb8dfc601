"""Balanced brackets: running balances, depths, and membership in the Dyck languages."""

from collections.abc import Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    LEQ,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    length,
    linear,
    mean,
    number,
    select,
    tokens,
)

_KINDS = {"(": "round", "{": "curly", "[": "square"}


def _so_far() -> rasp.Select:
    return select("so_far", indices, indices, LEQ)


def _fraction(name: str, bracket: str, selector: rasp.Select) -> SOp:
    is_bracket = number(f"is_{name}", lambda token: token == bracket, tokens)
    return mean(f"frac_{name}", selector, is_bracket)


def _balance(pair: str) -> SOp:
    """Fraction of opening minus fraction of closing brackets up to here (Tracr lib.make_pair_balance)."""
    kind = _KINDS[pair[0]]
    opened = _fraction(f"open_{kind}", pair[0], _so_far())
    closed = _fraction(f"close_{kind}", pair[1], _so_far())
    return linear(f"balance_{kind}", opened, closed, factors=(1, -1))


def _shuffle_dyck(pairs: Sequence[str]) -> SOp:
    """Whether each kind of bracket is balanced by itself (Tracr lib.make_shuffle_dyck)."""
    kinds = [_KINDS[pair[0]] for pair in pairs]
    balances = [_balance(pair) for pair in pairs]
    any_negative, *negatives = (
        apply(f"negative_{k}", lambda b: b < 0, b) for k, b in zip(kinds, balances, strict=True)
    )
    for negative in negatives:
        any_negative = combine("any_negative", lambda x, y: x or y, any_negative, negative)
    is_negative = number("is_negative", lambda x: x, any_negative)
    ever_negative = mean("ever_negative", select("everywhere", indices, indices, TRUE), is_negative)

    all_zero, *zeros = (apply(f"zero_{k}", lambda b: b == 0, b) for k, b in zip(kinds, balances, strict=True))
    for zero in zeros:
        all_zero = combine("all_zero", lambda x, y: x and y, all_zero, zero)
    last = apply("last", lambda n: n - 1, length())
    all_closed = aggregate("all_closed", select("at_last", indices, last, EQ), all_zero)

    never_negative = apply("never_negative", lambda x: not x, ever_negative)
    return combine("balanced", lambda x, y: x and y, all_closed, never_negative)


def _depth(opening: str, closing: str) -> SOp:
    """Opening minus closing brackets up to here; for causal attention."""
    n_open = count("n_open", select("open", tokens, tokens, lambda k, q: k in opening))
    n_close = count("n_close", select("close", tokens, tokens, lambda k, q: k in closing))
    return combine("depth", lambda o, c: o - c, n_open, n_close)


def _verdict(wrong: SOp, depth: SOp) -> SOp:
    """F once something was wrong; else T where all is closed, P where it can still become so (causal)."""
    ever_wrong = mean("ever_wrong", _so_far(), number("is_wrong", lambda x: x, wrong))
    failed = apply("failed", lambda share: share > 0, ever_wrong)
    return combine("verdict", lambda f, d: "F" if f else "T" if d == 0 else "P", failed, depth)


def _dyck_prefix(opening: str, closing: str) -> SOp:
    """Dyck-n with nesting, under causal attention, without combining selectors.

    In a prefix that never goes below depth 0, the j-th closing bracket of a level closes the j-th opening bracket of
    that level: both find each other by the address (level, ordinal).
    """

    def level_of(depth: int, token: str) -> int:
        """Positive for an opening bracket, negative for a closing one of the same level, 0 below the ground."""
        return max(depth, 0) if token in opening else min(-depth - 1, 0)

    depth = _depth(opening, closing)
    level = combine("level", level_of, depth, tokens)
    ordinal = count("ordinal", select("same_level", level, level, EQ))
    address = combine("address", lambda v, j: 100 * v + j, level, ordinal)
    home = combine("home", lambda v, j: (100 * -v if v < 0 else 100 * v) + j, level, ordinal)
    opener = aggregate("opener", select("at_home", address, home, EQ), tokens)

    def wrong_at(opener: str, own: str) -> bool:
        return own in closing and (opener in closing or opening.index(opener) != closing.index(own))

    return _verdict(combine("wrong", wrong_at, opener, tokens), depth)


def _depths(t: Sequence[Any], opening: str) -> list[int]:
    signs = [1 if token in opening else -1 for token in t]
    return [sum(signs[: i + 1]) for i in range(len(t))]


def _fractions(t: Sequence[Any], opening: str, closing: str) -> list[float]:
    prefixes = [t[: i + 1] for i in range(len(t))]
    return [(prefix.count(opening) - prefix.count(closing)) / len(prefix) for prefix in prefixes]


def _is_shuffle_dyck(t: Sequence[Any], pairs: Sequence[str]) -> list[bool]:
    parts = [[token for token in t if token in pair] for pair in pairs]
    depths = [_depths(part, pair[0]) for part, pair in zip(parts, pairs, strict=True)]
    return [all(not d or (min(d) >= 0 and d[-1] == 0) for d in depths)] * len(t)


def _dyck_verdicts(t: Sequence[Any], pairs: Sequence[str]) -> list[str]:
    partner = {pair[1]: pair[0] for pair in pairs}
    stack: list[str] = []
    verdicts: list[str] = []
    for token in t:
        if token not in partner:
            stack.append(token)
        elif not stack or stack.pop() != partner[token]:
            return verdicts + ["F"] * (len(t) - len(verdicts))
        verdicts.append("P" if stack else "T")
    return verdicts


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
    return _balance("()")


@program(
    "pair_balance_shared",
    family="brackets",
    vocab=("(", ")", "x"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="own; one selector read by two heads of one layer",
    oracle=lambda t: _fractions(t, "(", ")"),
)
def pair_balance_shared() -> SOp:
    """The balance of brackets so far, both fractions read through one selector."""
    so_far = select("so_far", tokens, tokens, TRUE)
    opened, closed = _fraction("open_round", "(", so_far), _fraction("close_round", ")", so_far)
    return linear("balance_round", opened, closed, factors=(1, -1))


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
    max_seq_len=4,
    pad_safe=True,
    source="Weiss et al. 2021; Tracr lib.make_shuffle_dyck2",
    oracle=lambda t: _is_shuffle_dyck(t, ["()", "{}"]),
)
def shuffle_dyck2() -> SOp:
    """Whether two kinds of brackets are each balanced, however they interleave."""
    return _shuffle_dyck(["()", "{}"])


@program(
    "shuffle_dyck3",
    family="brackets",
    vocab=("(", ")", "[", "]", "{", "}"),
    max_seq_len=4,
    pad_safe=True,
    source="Tracr lib.make_shuffle_dyck with three pairs",
    oracle=lambda t: _is_shuffle_dyck(t, ["()", "{}", "[]"]),
)
def shuffle_dyck3() -> SOp:
    """Whether three kinds of brackets are each balanced, however they interleave."""
    return _shuffle_dyck(["()", "{}", "[]"])


@program(
    "bracket_depth",
    family="brackets",
    vocab=("(", ")"),
    max_seq_len=6,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: _depths(t, "("),
)
def bracket_depth() -> SOp:
    """How many brackets are open after this one; negative where too many were closed."""
    return _depth("(", ")")


@program(
    "is_nested",
    family="brackets",
    vocab=("(", ")"),
    max_seq_len=6,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: [max(_depths(t[: i + 1], "(")) >= 2 for i in range(len(t))],
)
def is_nested() -> SOp:
    """Whether two brackets have been open at once up to here."""
    is_deep = number("is_deep", lambda d: d >= 2, _depth("(", ")"))
    return apply("is_nested", lambda share: share > 0, mean("ever_deep", _so_far(), is_deep))


@program(
    "dyck1_prefix",
    family="brackets",
    vocab=("(", ")"),
    max_seq_len=7,
    causal=True,
    pad_safe=True,
    source="Weiss et al. 2021, Dyck-1-PTF",
    oracle=lambda t: _dyck_verdicts(t, ["()"]),
)
def dyck1_prefix() -> SOp:
    """Whether the brackets so far are balanced (T), can still be (P), or not any more (F)."""
    depth = _depth("(", ")")
    return _verdict(apply("wrong", lambda d: d < 0, depth), depth)


@program(
    "dyck2_prefix",
    family="brackets",
    vocab=("(", ")", "[", "]"),
    max_seq_len=4,
    causal=True,
    pad_safe=True,
    source="Weiss et al. 2021, Dyck-2-PTF; matching by level and ordinal is our own",
    oracle=lambda t: _dyck_verdicts(t, ["()", "[]"]),
)
def dyck2_prefix() -> SOp:
    """Whether two kinds of nested brackets so far are balanced (T), can still be (P), or not (F)."""
    return _dyck_prefix("([", ")]")


@program(
    "dyck3_prefix",
    family="brackets",
    vocab=("(", ")", "[", "]", "{", "}"),
    max_seq_len=4,
    causal=True,
    pad_safe=True,
    source="Weiss et al. 2021, Dyck-n-PTF; matching by level and ordinal is our own",
    oracle=lambda t: _dyck_verdicts(t, ["()", "[]", "{}"]),
)
def dyck3_prefix() -> SOp:
    """Whether three kinds of nested brackets so far are balanced (T), can still be (P), or not (F)."""
    return _dyck_prefix("([{", ")]}")
