"""Counting tokens, and counting counts."""

from collections.abc import Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    GT,
    LEQ,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    linear,
    mean,
    number,
    select,
    tokens,
)
from groundtruth.programs.shorthand import length as make_length


def _hist(name: str = "hist") -> SOp:
    return count(name, select("same_token", tokens, tokens, EQ))


def _earlier() -> SOp:
    """How often the token occurred before: token and position in one key, as selectors cannot be combined."""
    place = combine("place", lambda token, i: 10 * token + i, tokens, indices)
    return count("earlier", select("same_before", place, place, lambda k, q: k // 10 == q // 10 and k % 10 < q % 10))


def _hist_of(t: Sequence[Any]) -> list[int]:
    return [t.count(token) for token in t]


@program(
    "length",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_length",
    oracle=lambda t: [len(t)] * len(t),
)
def length() -> SOp:
    """How many tokens there are."""
    return make_length()


@program(
    "length_numerical",
    family="counting",
    vocab=("a", "b"),
    max_seq_len=6,
    pad_safe=True,
    source="Tracr test_cases, length_numerical",
    oracle=lambda t: [len(t)] * len(t),
)
def length_numerical() -> SOp:
    """How many tokens there are, as a magnitude instead of a category."""
    everywhere = select("everywhere", tokens, tokens, TRUE)
    return rasp.numerical(rasp.SelectorWidth(everywhere)).named("length")


@program(
    "position",
    family="counting",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="Tracr test_cases, selector_width under causal attention",
    oracle=lambda t: range(1, len(t) + 1),
)
def position() -> SOp:
    """How many tokens there are up to here, counted under causal attention."""
    return count("so_far", select("everything", tokens, tokens, TRUE))


@program(
    "hist",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, histogram with BOS; Tracr lib.make_hist",
    oracle=_hist_of,
)
def hist() -> SOp:
    """How often each token occurs in the sequence."""
    return _hist()


@program(
    "hist_no_bos",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, histogram without BOS",
    oracle=_hist_of,
)
def hist_no_bos() -> SOp:
    """How often each token occurs, from the attention that the first position takes away."""
    marked = combine("marked", lambda token, i: 10 * token + (i == 0), tokens, indices)
    same_or_first = select("same_or_first", marked, tokens, lambda k, q: k // 10 == q or k % 10 == 1)
    is_first = number("is_first", lambda i: i == 0, indices)
    selected = apply("selected", lambda f: round(1 / f) if f else 0, mean("share_of_first", same_or_first, is_first))
    first = aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    extra = combine("extra", lambda token, f: int(token != f), tokens, first)
    return combine("hist", lambda n, x: n - x, selected, extra)


@program(
    "hist_so_far",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="Weiss et al. 2021, under causal attention",
    oracle=lambda t: [t[: i + 1].count(token) for i, token in enumerate(t)],
)
def hist_so_far() -> SOp:
    """How often the token has occurred up to here, under causal attention."""
    return _hist("hist_so_far")


@program(
    "double_hist",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, double histogram",
    oracle=lambda t: [sum(t.count(other) == t.count(token) for other in set(t)) for token in t],
)
def double_hist() -> SOp:
    """How many different tokens occur as often as this one."""
    hist = _hist()
    once_each = combine("once_each", lambda n, before: n if before == 0 else 0, hist, _earlier())
    return count("double_hist", select("as_frequent", once_each, hist, EQ))


@program(
    "hist_of_hist",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: _hist_of(_hist_of(t)),
)
def hist_of_hist() -> SOp:
    """How many positions hold a token as frequent as this one."""
    hist = _hist()
    return count("hist_of_hist", select("as_frequent", hist, hist, EQ))


@program(
    "hist_thrice",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=6,
    pad_safe=False,
    source="own",
    oracle=lambda t: _hist_of(_hist_of(_hist_of(t))),
)
def hist_thrice() -> SOp:
    """The histogram of the histogram of the histogram."""
    hist = _hist()
    second = count("second_hist", select("same_hist", hist, hist, EQ))
    return count("third_hist", select("same_second_hist", second, second, EQ))


@program(
    "count_x",
    family="counting",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_count",
    oracle=lambda t: [t.count("x")] * len(t),
)
def count_x() -> SOp:
    """How often x occurs."""
    return count("count_x", select("at_x", tokens, tokens, lambda k, q: k == "x"))


@program(
    "count_less_freq",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=False,
    source="Tracr lib.make_count_less_freq with n = 2",
    oracle=lambda t: [sum(n <= 2 for n in _hist_of(t))] * len(t),
)
def count_less_freq() -> SOp:
    """How many positions hold a token that occurs at most twice."""
    hist = _hist()
    return count("count_rare", select("rare", hist, hist, lambda k, q: k <= 2))


@program(
    "count_larger",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="InterpBench-like",
    oracle=lambda t: [sum(other > token for other in t) for token in t],
)
def count_larger() -> SOp:
    """How many tokens are larger than this one."""
    return count("count_larger", select("larger", tokens, tokens, GT))


@program(
    "count_distinct",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=False,
    source="own",
    oracle=lambda t: [len(set(t))] * len(t),
)
def count_distinct() -> SOp:
    """How many different tokens there are."""
    earlier = _earlier()
    return count("distinct", select("first_of_its_kind", earlier, earlier, lambda k, q: k == 0))


@program(
    "frac_prevs",
    family="counting",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_frac_prevs; xproportion of Conmy et al. 2023 (ACDC)",
    oracle=lambda t: [t[: i + 1].count("x") / (i + 1) for i in range(len(t))],
)
def frac_prevs() -> SOp:
    """The fraction of x among the tokens up to here."""
    is_x = number("is_x", lambda token: token == "x", tokens)
    return mean("frac_prevs", select("so_far", indices, indices, LEQ), is_x)


@program(
    "frac_x",
    family="counting",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t.count("x") / len(t)] * len(t),
)
def frac_x() -> SOp:
    """The fraction of x in the whole sequence."""
    is_x = number("is_x", lambda token: token == "x", tokens)
    return mean("frac_x", select("everywhere", tokens, tokens, TRUE), is_x)


@program(
    "frac_repeated",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sum(n > 1 for n in _hist_of(t)) / len(t)] * len(t),
)
def frac_repeated() -> SOp:
    """The fraction of positions whose token occurs more than once."""
    is_repeated = number("is_repeated", lambda n: n > 1, _hist())
    return mean("frac_repeated", select("everywhere", tokens, tokens, TRUE), is_repeated)


@program(
    "mode",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), mode",
    oracle=lambda t: [max(t, key=t.count)] * len(t),
)
def mode() -> SOp:
    """The most frequent token, the earliest of several, at every position."""
    priority = combine("priority", lambda n, i: 10 * n - i, _hist(), indices)
    ahead = count("ahead", select("more_frequent", priority, priority, GT))
    return aggregate("mode", select("winner", ahead, tokens, lambda k, q: k == 0), tokens)


@program(
    "count_first",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own; the query of the counting head is moved by a head",
    oracle=lambda t: [t.count(t[0])] * len(t),
)
def count_first() -> SOp:
    """How often the first token occurs."""
    first = aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    return count("count_first", select("same_as_first", tokens, first, EQ))


@program(
    "frac_x_alone",
    family="counting",
    vocab=("a", "x", "y"),
    max_seq_len=5,
    pad_safe=True,
    source="own; a term with coefficient 0: in the text, dead in the weights",
    oracle=lambda t: [t.count("x") / len(t)] * len(t),
)
def frac_x_alone() -> SOp:
    """The fraction of x, plus zero times the fraction of y."""
    everywhere = select("everywhere", tokens, tokens, TRUE)
    shares = [mean(f"frac_{each}", everywhere, _is_token(each)) for each in "xy"]
    return linear("weighted", *shares, factors=(1, 0))


def _is_token(wanted: str) -> SOp:
    return number(f"is_{wanted}", lambda token: token == wanted, tokens)
