"""Whether something holds: containment, agreement, votes among redundant copies, and a conditional."""

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    GT,
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


def _share(name: str, is_true: SOp) -> SOp:
    """The fraction of positions at which a category is true."""
    everywhere = select("everywhere", tokens, tokens, TRUE)
    return mean(f"share_{name}", everywhere, number(f"is_{name}", lambda x: x, is_true))


def _contains(token: str, name: str) -> SOp:
    share = _share(name, apply(f"is_{name}", lambda t: t == token, tokens))
    return apply(f"has_{name}", lambda s: s > 0, share)


def _count(token: str, name: str) -> SOp:
    return count(f"n_{name}", select(f"at_{name}", tokens, tokens, lambda k, q: k == token))


def _first() -> SOp:
    return aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)


@program(
    "contains_x",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, contains",
    oracle=lambda t: ["x" in t] * len(t),
)
def contains_x() -> SOp:
    """Whether x occurs."""
    return _contains("x", "x")


@program(
    "has_larger",
    family="logic",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, has-focus: whether a selector selects anything",
    oracle=lambda t: [token < max(t) for token in t],
)
def has_larger() -> SOp:
    """Whether any token is larger than this one."""
    one = number("one_each", lambda token: 1, tokens)
    focus = mean("focus", select("larger", tokens, tokens, GT), one)
    # Tracr's values of a mean of ones are 1, 1/2, 1/3 ...: 0 is taken for the smallest, so ask for 1.
    return apply("has_larger", lambda share: share == 1, focus)


@program(
    "contains_both",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: ["a" in t and "b" in t] * len(t),
)
def contains_both() -> SOp:
    """Whether both a and b occur."""
    return combine("both", lambda x, y: x and y, _contains("a", "a"), _contains("b", "b"))


@program(
    "contains_either",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [("a" in t) != ("b" in t)] * len(t),
)
def contains_either() -> SOp:
    """Whether one of a and b occurs, and not the other."""
    return combine("either", lambda x, y: x != y, _contains("a", "a"), _contains("b", "b"))


@program(
    "contains_x_twice_told",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=4,
    pad_safe=True,
    source="own; the same fact by a count and by a mean",
    oracle=lambda t: ["x" in t] * len(t),
)
def contains_x_twice_told() -> SOp:
    """Whether x occurs, found by counting or by averaging."""
    counted = apply("counted", lambda n: n > 0, _count("x", "x"))
    return combine("told", lambda x, y: x or y, counted, _contains("x", "x"))


@program(
    "contains_x_by_vote",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=4,
    pad_safe=True,
    source="own; three copies, of which any two suffice",
    oracle=lambda t: ["x" in t] * len(t),
)
def contains_x_by_vote() -> SOp:
    """Whether x occurs, as two of three identical voters say."""
    first, second, third = (_contains("x", f"x{voter}") for voter in (1, 2, 3))
    two = combine("two_votes", lambda x, y: int(x) + int(y), first, second)
    return combine("elected", lambda n, z: n + int(z) >= 2, two, third)


@program(
    "hist_by_median",
    family="logic",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="own; three copies, of which any two suffice",
    oracle=lambda t: [t.count(token) for token in t],
)
def hist_by_median() -> SOp:
    """How often each token occurs, as the median of three identical counts."""
    first, second, third = (count(f"hist{k}", select(f"same_token{k}", tokens, tokens, EQ)) for k in (1, 2, 3))
    pair = combine("two_counts", lambda x, y: 10 * min(x, y) + max(x, y), first, second)
    return combine("median", lambda xy, z: min(max(z, xy // 10), xy % 10), pair, third)


@program(
    "all_equal",
    family="logic",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [len(set(t)) == 1] * len(t),
)
def all_equal() -> SOp:
    """Whether all tokens are the same."""
    n_same = count("n_same", select("same_token", tokens, tokens, EQ))
    return combine("all_equal", lambda n, m: n == m, n_same, length())


@program(
    "all_different",
    family="logic",
    vocab=(1, 2, 3, 4),
    max_seq_len=4,
    pad_safe=True,
    source="own",
    oracle=lambda t: [len(set(t)) == len(t)] * len(t),
)
def all_different() -> SOp:
    """Whether no token occurs twice."""
    hist = count("hist", select("same_token", tokens, tokens, EQ))
    return apply("all_different", lambda s: s == 0, _share("repeated", apply("repeated", lambda n: n > 1, hist)))


@program(
    "majority_x",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), majority",
    oracle=lambda t: [2 * t.count("x") > len(t)] * len(t),
)
def majority_x() -> SOp:
    """Whether more than half of the tokens are x."""
    return combine("majority", lambda n, m: 2 * n > m, _count("x", "x"), length())


@program(
    "first_is_last",
    family="logic",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t[0] == t[-1]] * len(t),
)
def first_is_last() -> SOp:
    """Whether the first token equals the last."""
    position = apply("last_position", lambda n: n - 1, length())
    last = aggregate("last", select("at_last", indices, position, EQ), tokens)
    return combine("same", lambda x, y: x == y, _first(), last)


@program(
    "a_before_b",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: ["a" in t[: i + 1] and "b" in t[t.index("a") : i + 1] for i in range(len(t))],
)
def a_before_b() -> SOp:
    """Whether some b up to here has an a before it."""
    n_a = count("n_a", select("at_a", tokens, tokens, lambda k, q: k == "a"))
    b_after_a = combine("b_after_a", lambda n, token: n > 0 and token == "b", n_a, tokens)
    return apply("a_before_b", lambda s: s > 0, _share("b_after_a", b_after_a))


@program(
    "reverse_if_marked",
    family="logic",
    vocab=("a", "b", "x"),
    max_seq_len=4,
    pad_safe=True,
    source="own; a conditional over two ways to route",
    oracle=lambda t: t[::-1] if "x" in t else t,
)
def reverse_if_marked() -> SOp:
    """The sequence backwards if it contains x, else as it is."""
    opposite = combine("opposite", lambda n, i: n - i - 1, length(), indices)
    backwards = aggregate("backwards", select("at_opposite", indices, opposite, EQ), tokens)
    # One category for both, as a SequenceMap has two arguments; read apart by the choice.
    both = combine("both_ways", lambda back, own: back + own, backwards, tokens)
    return combine("chosen", lambda pair, marked: pair[0] if marked else pair[1], both, _contains("x", "x"))
