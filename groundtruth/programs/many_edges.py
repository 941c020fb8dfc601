"""Programs whose circuits have fifteen edges and more in two layers: three heads, two variables on one MLP, a reader.

They are made to be trained (``groundtruth.trained``), where circuits of few edges do not tell methods apart. They are
no part of the library.
"""

import inspect
from collections.abc import Callable, Mapping

from groundtruth.compiled.domain import Domain
from groundtruth.programs.registry import Oracle, Program
from groundtruth.programs.shorthand import (
    EQ,
    GT,
    SOp,
    aggregate,
    combine,
    count,
    indices,
    mean,
    number,
    select,
    tokens,
)

N = 3
"""Every input has this length: of three tokens there are 27 inputs, whose pairs are enumerated in seconds."""


def _told(share: float, standing: tuple[bool, bool]) -> str:
    """What both programs say: whether none or some of one's kind are marked, and if so whether one is on top."""
    if share == 0:
        return "none"
    return "below" if standing[1] else "top"


def kin_of_first() -> SOp:
    """Whether a token is equal to the first among those that are alone or on top as this one is."""
    same = count("n_same", select("same", tokens, tokens, EQ))
    larger = count("n_larger", select("larger", tokens, tokens, GT))
    first = aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    standing = combine("standing", lambda n, m: (n > 1, m > 0), same, larger)
    is_first = combine("is_first", lambda f, t: f == t, first, tokens)
    share = mean("share", select("of_standing", standing, standing, EQ), number("firsts", lambda x: x, is_first))
    return combine("told", _told, share, standing)


def rising_kin() -> SOp:
    """Whether a token rises above the one before among those so far that are alone or on top as this one is."""
    same = count("n_same", select("same", tokens, tokens, EQ))
    larger = count("n_larger", select("larger", tokens, tokens, GT))
    before = aggregate("before", select("at_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)
    standing = combine("standing", lambda n, m: (n > 1, m > 0), same, larger)
    rises = combine("rises", lambda b, t: b < t, before, tokens)
    share = mean("share", select("of_standing", standing, standing, EQ), number("rising", lambda x: x, rises))
    return combine("told", _told, share, standing)


def _kin_of_first(tokens: tuple[int, ...]) -> list[str]:
    standings = [(tokens.count(t) > 1, max(tokens) > t) for t in tokens]
    marked = {standing for standing, t in zip(standings, tokens, strict=True) if t == tokens[0]}
    return [_told(float(standing in marked), standing) for standing in standings]


def _rising_kin(tokens: tuple[int, ...]) -> list[str]:
    told: list[str] = []
    standings: list[tuple[bool, bool]] = []
    marked: set[tuple[bool, bool]] = set()
    for place, token in enumerate(tokens):
        so_far = tokens[: place + 1]
        standings.append((so_far.count(token) > 1, max(so_far) > token))
        if place and tokens[place - 1] < token:
            marked.add(standings[-1])
        told.append(_told(float(standings[-1] in marked), standings[-1]))
    return told


def _declare(function: Callable[[], SOp], oracle: Oracle, *, causal: bool) -> Program:
    return Program(
        name=function.__name__,
        description=(inspect.getdoc(function) or "").rstrip("."),
        family="many-edges",
        domain=Domain((1, 2, 3), N, min_seq_len=N),
        causal=causal,
        pad_safe=False,
        source="own",
        oracle=oracle,
        function=function,
    )


MANY_EDGES: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(kin_of_first, lambda t: _kin_of_first(tuple(t)), causal=False),
        _declare(rising_kin, lambda t: _rising_kin(tuple(t)), causal=True),
    )
}
"""The programs by name."""
