"""Conditions that hardly ever hold decide the output, on domains that nobody can enumerate.

A sample of inputs does not meet them, and says of edges that matter that they do nothing. These programs are no part of
the library, whose domains are all run whole; models of them lie in ``compiled_models/large``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from groundtruth.programs.registry import Program, unlisted
from groundtruth.programs.shorthand import (
    EQ,
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

N = 9
"""Every input has this length, at which 1 word of ten letters in 20,000 is sorted."""


def reversed_unless(wrong: Callable[[Any, Any], bool], n: int = N) -> SOp:
    """Build a program that turns its input around if no token stands in a wrong order with the one before it.

    Args:
        wrong: Tells whether two neighbours are in a wrong order.
        n: Length of every input.
    """
    before = aggregate("before", select("at_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)
    fails = number("fails", lambda x: x, combine("is_wrong", wrong, before, tokens))
    ordered = apply("ordered", lambda share: share == 0, mean("share", select("all", tokens, tokens, TRUE), fails))
    opposite = select("opposite", indices, indices, lambda k, q: k == n - 1 - q)
    backwards = aggregate("backwards", opposite, tokens)
    wanted = combine("wanted", lambda turn, token: token if turn else "", ordered, backwards)
    return combine("result", lambda new, old: new or old, wanted, tokens)


def reverse_if_sorted() -> SOp:
    """The word backwards if its letters are in order, else as it is."""
    return reversed_unless(lambda before, now: before > now)


def reverse_if_falling() -> SOp:
    """The word backwards if its letters fall, else as it is."""
    return reversed_unless(lambda before, now: before < now)


def all_same() -> SOp:
    """Whether all nine numbers are the same: so in 11 inputs of 2,357,947,691."""
    same = count("n_same", select("same", tokens, tokens, EQ))
    return combine("all_same", lambda n, m: n == m, same, length())


_declare = partial(
    unlisted,
    length=N,
    family="rare",
    source="own; after InterpBench's cases that ask the same (Gupta et al. 2024, arXiv 2407.14494)",
)

_LETTERS = tuple("abcdefghij")

RARE_PROGRAMS: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(all_same, tuple(range(11)), oracle=lambda t: [len(set(t)) == 1] * len(t)),
        _declare(reverse_if_sorted, _LETTERS, oracle=lambda t: t[::-1] if list(t) == sorted(t) else t),
        _declare(reverse_if_falling, _LETTERS, oracle=lambda t: t[::-1] if list(t) == sorted(t, reverse=True) else t),
    )
}
"""The programs by name."""
