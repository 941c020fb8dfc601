"""Moving tokens: reverse, shift, rotate, and copy from a computed position."""

from collections.abc import Sequence
from typing import Any

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import EQ, SOp, aggregate, apply, combine, indices, length, select, tokens


def _take(name: str, position: SOp, values: SOp) -> SOp:
    """The value at a position computed for each place (load-from-location of the RASP paper)."""
    return aggregate(name, select(f"at_{position.name}", indices, position, EQ), values)


def _opposite() -> SOp:
    remaining = combine("remaining", lambda n, i: n - i, length(), indices)
    return apply("opposite", lambda r: r - 1, remaining)


def points_inside(tokens: Sequence[Any]) -> bool:
    """Every token is the index of a position."""
    return all(token < len(tokens) for token in tokens)


@program(
    "reverse",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021; Tracr lib.make_reverse",
    oracle=lambda t: t[::-1],
)
def reverse() -> SOp:
    """The sequence backwards."""
    remaining = combine("remaining", lambda n, i: n - i, length(), indices)
    opposite = apply("opposite", lambda r: r - 1, remaining)
    return aggregate("reverse", select("from_opposite", indices, opposite, EQ), tokens)


@program(
    "reverse_twice",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="own; one selector read by two heads of different layers",
    oracle=lambda t: t,
)
def reverse_twice() -> SOp:
    """The sequence backwards, and backwards again."""
    from_opposite = select("at_opposite", indices, _opposite(), EQ)
    return aggregate("restored", from_opposite, aggregate("reverse", from_opposite, tokens))


@program(
    "shift_by_one",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.shift_by, without its None",
    oracle=lambda t: (t[0], *t[:-1]),
)
def shift_by_one() -> SOp:
    """Each token moved one place to the right; the first is repeated."""
    return aggregate("shifted", select("previous", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)


@program(
    "previous_token",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="Olsson et al. 2022, previous-token head",
    oracle=lambda t: (t[0], *t[:-1]),
)
def previous_token() -> SOp:
    """The token before this one, under causal attention; the first position sees itself."""
    return aggregate("previous", select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)


@program(
    "rotate",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: (t[-1], *t[:-1]),
)
def rotate() -> SOp:
    """Each token moved one place to the right; the last comes to the front."""
    neighbour = combine("neighbour", lambda n, i: n - 1 if i == 0 else i - 1, length(), indices)
    return _take("rotated", neighbour, tokens)


@program(
    "rotate_by_first",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t[(i + t[0]) % len(t)] for i in range(len(t))],
)
def rotate_by_first() -> SOp:
    """The sequence rotated to the left by as many places as its first token says."""
    first = aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    ahead = combine("ahead", lambda f, i: f + i, first, indices)
    origin = combine("origin", lambda a, n: a % max(n, 1), ahead, length())
    return _take("rotated", origin, tokens)


@program(
    "copy_first",
    family="sequence",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, load from location",
    oracle=lambda t: [t[0]] * len(t),
)
def copy_first() -> SOp:
    """The first token, at every position."""
    return aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)


@program(
    "copy_last",
    family="sequence",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, load from location",
    oracle=lambda t: [t[-1]] * len(t),
)
def copy_last() -> SOp:
    """The last token, at every position."""
    return _take("last_token", apply("last", lambda n: n - 1, length()), tokens)


@program(
    "follow_pointer",
    family="sequence",
    vocab=(0, 1, 2, 3),
    max_seq_len=4,
    valid=points_inside,
    pad_safe=True,
    source="Weiss et al. 2021, load from location",
    oracle=lambda t: [t[token] for token in t],
)
def follow_pointer() -> SOp:
    """The token at the position that this token names."""
    return _take("target", tokens, tokens)


@program(
    "follow_pointer_twice",
    family="sequence",
    vocab=(0, 1, 2, 3),
    max_seq_len=4,
    valid=points_inside,
    pad_safe=True,
    source="own; two-hop lookup",
    oracle=lambda t: [t[t[token]] for token in t],
)
def follow_pointer_twice() -> SOp:
    """The token two hops away, each token naming the next position."""
    return _take("second_hop", _take("first_hop", tokens, tokens), tokens)


@program(
    "follow_pointer_thrice",
    family="sequence",
    vocab=(0, 1, 2, 3),
    max_seq_len=4,
    valid=points_inside,
    pad_safe=True,
    source="own; three-hop lookup",
    oracle=lambda t: [t[t[t[token]]] for token in t],
)
def follow_pointer_thrice() -> SOp:
    """The token three hops away, each token naming the next position."""
    second_hop = _take("second_hop", _take("first_hop", tokens, tokens), tokens)
    return _take("third_hop", second_hop, tokens)


@program(
    "mark_first",
    family="sequence",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021",
    oracle=lambda t: ("^", *t[1:]),
)
def mark_first() -> SOp:
    """The sequence with its first token replaced by ^."""
    return combine("marked", lambda token, i: "^" if i == 0 else token, tokens, indices)


@program(
    "mark_last",
    family="sequence",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021",
    oracle=lambda t: (*t[:-1], "$"),
)
def mark_last() -> SOp:
    """The sequence with its last token replaced by $."""
    is_last = combine("is_last", lambda n, i: i == n - 1, length(), indices)
    return combine("marked", lambda token, last: "$" if last else token, tokens, is_last)


@program(
    "swap_neighbours",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t[i ^ 1] if i ^ 1 < len(t) else t[i] for i in range(len(t))],
)
def swap_neighbours() -> SOp:
    """Each two neighbours swapped; the last of an odd number stays."""
    partner = combine("partner", lambda n, i: i ^ 1 if i ^ 1 < n else i, length(), indices)
    return _take("swapped", partner, tokens)


@program(
    "mirror",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t[min(i, len(t) - 1 - i)] for i in range(len(t))],
)
def mirror() -> SOp:
    """The first half, then the first half backwards."""
    inner = combine("inner", lambda o, i: min(o, i), _opposite(), indices)
    return _take("mirrored", inner, tokens)


@program(
    "evens_then_odds",
    family="sequence",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: (*t[::2], *t[1::2]),
)
def evens_then_odds() -> SOp:
    """The tokens at even positions, then those at odd positions."""

    def origin_of(n: int, i: int) -> int:
        n_even = (n + 1) // 2
        return 2 * i if i < n_even else 2 * (i - n_even) + 1

    return _take("unshuffled", combine("origin", origin_of, length(), indices), tokens)


@program(
    "flip_halves",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="InterpBench-like",
    oracle=lambda t: (*t[(len(t) + 1) // 2 :], *t[len(t) // 2 : (len(t) + 1) // 2], *t[: len(t) // 2]),
)
def flip_halves() -> SOp:
    """The second half before the first; the middle of an odd number stays."""

    def origin_of(n: int, i: int) -> int:
        half = n // 2
        return i + n - half if i < half else i if i < n - half else i - (n - half)

    return _take("flipped", combine("origin", origin_of, length(), indices), tokens)


def _neighbour(name: str, step: int) -> SOp:
    """The token so many positions further on; ``None`` where there is none."""
    return aggregate(name, select(f"at_{name}", indices, indices, lambda k, q: k == q + step), tokens)


@program(
    "local_maxima",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="InterpBench-like",
    oracle=lambda t: [None if i in (0, len(t) - 1) else t[i - 1] < token > t[i + 1] for i, token in enumerate(t)],
)
def local_maxima() -> SOp:
    """Whether the token is larger than both neighbours; nothing at the borders, which have but one."""
    above_left = combine("above_left", lambda token, left: token > left, tokens, _neighbour("left", -1))
    above_right = combine("above_right", lambda token, right: token > right, tokens, _neighbour("right", 1))
    return combine("local_maximum", lambda x, y: x and y, above_left, above_right)


@program(
    "trend",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="InterpBench-like",
    oracle=lambda t: [
        "start" if i == 0 else "up" if token > t[i - 1] else "down" if token < t[i - 1] else "flat"
        for i, token in enumerate(t)
    ],
)
def trend() -> SOp:
    """Whether the token is above, below or equal to the one before it."""
    before = aggregate("before", select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)
    moved = combine("moved", lambda t, b: "up" if t > b else "down" if t < b else "flat", tokens, before)
    return combine("trend", lambda label, i: label if i else "start", moved, indices)
