"""Moving tokens: reverse, shift, rotate, copy from a computed position."""

from groundtruth.programs.registry import program
from groundtruth.programs.words import (
    EQ,
    SOp,
    aggregate,
    apply,
    combine,
    indices,
    length,
    select,
    tokens,
)


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
    "shift_by_one",
    family="sequence",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.shift_by, without its None: the first token stays",
    oracle=lambda t: (t[0], *t[:-1]),
)
def shift_by_one() -> SOp:
    """Each token moved one to the right; the first is repeated."""
    previous = select("previous", indices, indices, lambda k, q: k == max(q - 1, 0))
    return aggregate("shifted", previous, tokens)
