"""Programs whose circuits have ten to thirty edges: heads that look for tokens, shared MLPs, and heads that read them.

They are made to be trained (``groundtruth.trained``), where circuits of few edges do not tell methods apart. They are
no part of the library. Every variable is a token, a truth value, or a share or a count that is only asked whether it
is 0: these are the circuits that training certifies. They differ in what the heads of the second layer do:

====================== ============================================================================================
``waiting_pair``       one head reads an MLP by key and by value
``two_lookups``        two heads read one MLP by key, the same variable for opposite keys
``two_camps``          two heads compare the query's camp with the key's, both read from one MLP
``met_in_camp``        the same, and the value is a second variable of that MLP
``finds_sought``       the query is a variable of an MLP, the key a token
``is_sought``          the key is a variable of an MLP, the query a token
``finds_or_is_sought`` both, in two heads
``followed_by_a``      an induction head, whose keys are another head's values, beside an MLP
``rumour``             three layers: what an MLP tells is gathered by a head for the next MLP, twice
``rumour_in_camps``    the same, and the second gathering is within the query's camp
====================== ============================================================================================
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from groundtruth.compiled.domain import Domain
from groundtruth.programs.registry import Oracle, Program
from groundtruth.programs.shorthand import (
    EQ,
    NEQ,
    TRUE,
    SOp,
    aggregate,
    apply,
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

NEXT = {"a": "b", "b": "x", "x": "a"}
PREVIOUS = {following: token for token, following in NEXT.items()}

Sight: TypeAlias = Sequence[str]
"""The tokens that a position sees: all of them, or those so far, with its own the last."""


def _contains(token: str) -> SOp:
    is_token = number(f"is_{token}", lambda t: float(t == token), tokens)
    share = mean(f"share_{token}", select(f"all_for_{token}", tokens, tokens, TRUE), is_token)
    return apply(f"has_{token}", lambda s: s > 0, share)


def _pair() -> SOp:
    return combine("both", lambda x, y: x and y, _contains("a"), _contains("b"))


def _waits() -> SOp:
    return combine("waits", lambda x, token: x and token != "x", _contains("x"), tokens)


def _sought() -> SOp:
    return combine("sought", lambda x, token: (NEXT if x else PREVIOUS)[token], _contains("x"), tokens)


def _waiting_pair() -> SOp:
    both, waits = _pair(), _waits()
    share = mean("share", select("waiting", waits, tokens, lambda k, q: k), number("pair", float, both))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, share, waits)


def waiting_pair() -> SOp:
    """Twice whether a and b occur where any token waits, plus whether this one does: it is no x, and there is one."""
    return _waiting_pair()


def waiting_pair_so_far() -> SOp:
    """The same of the tokens so far, under causal attention."""
    return _waiting_pair()


def two_lookups() -> SOp:
    """Twice whether a token that waits is an a, plus whether one that does not wait is a b."""
    waits = _waits()
    waiting = mean(
        "waiting_a",
        select("waiting", waits, tokens, lambda k, q: k),
        number("is_a_there", lambda t: float(t == "a"), tokens),
    )
    others = mean(
        "other_b",
        select("others", waits, tokens, lambda k, q: not k),
        number("is_b_there", lambda t: float(t == "b"), tokens),
    )
    return combine("told", lambda s, t: 2 * (s > 0) + (t > 0), waiting, others)


def two_camps() -> SOp:
    """Twice whether an a is in this token's camp (who wait, or who do not), plus whether a b is in the other."""
    waits = _waits()
    same = mean(
        "a_beside", select("same_camp", waits, waits, EQ), number("is_a_there", lambda t: float(t == "a"), tokens)
    )
    other = mean(
        "b_across", select("other_camp", waits, waits, NEQ), number("is_b_there", lambda t: float(t == "b"), tokens)
    )
    return combine("told", lambda s, t: 2 * (s > 0) + (t > 0), same, other)


def met_in_camp() -> SOp:
    """Twice whether an a of this token's camp occurs beside a b, plus whether this token waits."""
    waits, met = _waits(), combine("met", lambda b, token: b and token == "a", _contains("b"), tokens)
    share = mean("share", select("same_camp", waits, waits, EQ), number("met_there", float, met))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, share, waits)


def finds_sought() -> SOp:
    """Twice whether the token sought occurs so far (after an x the next letter, else the one before), plus a and b."""
    found = count("n_found", select("is_it", tokens, _sought(), EQ))
    return combine("told", lambda n, pair: 2 * (n > 0) + pair, found, _pair())


def is_sought() -> SOp:
    """Twice whether a token so far sought this one, plus whether a and b occur."""
    seekers = count("n_seekers", select("seeks_it", _sought(), tokens, EQ))
    return combine("told", lambda n, pair: 2 * (n > 0) + pair, seekers, _pair())


def finds_or_is_sought() -> SOp:
    """Twice whether the token sought occurs so far, plus whether a token so far sought this one."""
    sought = _sought()
    found = count("n_found", select("is_it", tokens, sought, EQ))
    seekers = count("n_seekers", select("seeks_it", sought, tokens, EQ))
    return combine("told", lambda n, m: 2 * (n > 0) + (m > 0), found, seekers)


def followed_by_a() -> SOp:
    """Twice whether an a came after a token like this one (the first after itself), plus whether this one waits."""
    before = aggregate("before", select("one_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)
    is_a = number("is_a_there", lambda t: float(t == "a"), tokens)
    share = mean("share", select("after_its_like", before, tokens, EQ), is_a)
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, share, _waits())


def _rumour(*, within_camps: bool) -> SOp:
    waits = _waits()
    is_a = number("is_a_there", lambda t: float(t == "a"), tokens)
    first = mean("first_share", select("waiting", waits, tokens, lambda k, q: k), is_a)
    heard = combine("heard", lambda s, waiting: (s > 0) and not waiting, first, waits)
    among = select("same_camp", waits, waits, EQ) if within_camps else select("everyone", tokens, tokens, TRUE)
    second = mean("second_share", among, number("heard_there", float, heard))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, second, waits)


def rumour() -> SOp:
    """Twice whether any token that does not wait hears of an a that does, plus whether this one waits."""
    return _rumour(within_camps=False)


def rumour_in_camps() -> SOp:
    """The same, and what a token hears is told to those alone that wait as it does."""
    return _rumour(within_camps=True)


def _waits_in(seen: Sight) -> bool:
    return "x" in seen and seen[-1] != "x"


def _pair_in(seen: Sight) -> bool:
    return {"a", "b"} <= set(seen)


def _sought_in(seen: Sight) -> str:
    return (NEXT if "x" in seen else PREVIOUS)[seen[-1]]


def _tell_waiting_pair(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * any(_waits_in(seen) and _pair_in(seen) for seen in all_seen) + _waits_in(own)


def _tell_lookups(all_seen: Sequence[Sight], own: Sight) -> int:
    waiting = any(_waits_in(seen) and seen[-1] == "a" for seen in all_seen)
    return 2 * waiting + any(not _waits_in(seen) and seen[-1] == "b" for seen in all_seen)


def _tell_camps(all_seen: Sequence[Sight], own: Sight) -> int:
    same = {seen[-1] for seen in all_seen if _waits_in(seen) == _waits_in(own)}
    other = {seen[-1] for seen in all_seen if _waits_in(seen) != _waits_in(own)}
    return 2 * ("a" in same) + ("b" in other)


def _tell_met(all_seen: Sequence[Sight], own: Sight) -> int:
    camp = [seen for seen in all_seen if _waits_in(seen) == _waits_in(own)]
    return 2 * any(seen[-1] == "a" and "b" in seen for seen in camp) + _waits_in(own)


def _tell_found(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * (_sought_in(own) in own) + _pair_in(own)


def _tell_sought(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * (own[-1] in map(_sought_in, all_seen)) + _pair_in(own)


def _tell_found_or_sought(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * (_sought_in(own) in own) + (own[-1] in map(_sought_in, all_seen))


def _tell_followed(all_seen: Sequence[Sight], own: Sight) -> int:
    pairs = {(own[0], own[0]), *pairwise(own)}
    return 2 * ((own[-1], "a") in pairs) + _waits_in(own)


def _hears(all_seen: Sequence[Sight], own: Sight) -> bool:
    return not _waits_in(own) and any(_waits_in(seen) and seen[-1] == "a" for seen in all_seen)


def _tell_rumour(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * any(_hears(all_seen, seen) for seen in all_seen) + _waits_in(own)


def _tell_rumour_in_camps(all_seen: Sequence[Sight], own: Sight) -> int:
    camp = [seen for seen in all_seen if _waits_in(seen) == _waits_in(own)]
    return 2 * any(_hears(all_seen, seen) for seen in camp) + _waits_in(own)


def _answers(tell: Callable[[Sequence[Sight], Sight], int], *, causal: bool) -> Oracle:
    """The oracle that gives each position what ``tell`` makes of what the positions that it sees see."""

    def oracle(t: Sequence[str]) -> list[int]:
        if causal:
            sights: list[Sight] = [t[: i + 1] for i in range(len(t))]
            return [tell(sights[: i + 1], sights[i]) for i in range(len(t))]
        sights = [(*t[:i], *t[i + 1 :], t[i]) for i in range(len(t))]
        return [tell(sights, own) for own in sights]

    return oracle


def _declare(
    function: Callable[[], SOp], tell: Callable[[Sequence[Sight], Sight], int], *, causal: bool = True
) -> Program:
    return Program(
        name=function.__name__,
        description=" ".join((inspect.getdoc(function) or "").split()).rstrip("."),
        family="many-edges",
        domain=Domain(("a", "b", "x"), N, min_seq_len=N),
        causal=causal,
        pad_safe=False,
        source="own",
        oracle=_answers(tell, causal=causal),
        function=function,
    )


MANY_EDGES: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(waiting_pair, _tell_waiting_pair, causal=False),
        _declare(waiting_pair_so_far, _tell_waiting_pair),
        _declare(two_lookups, _tell_lookups, causal=False),
        _declare(two_camps, _tell_camps, causal=False),
        _declare(met_in_camp, _tell_met, causal=False),
        _declare(finds_sought, _tell_found),
        _declare(is_sought, _tell_sought),
        _declare(finds_or_is_sought, _tell_found_or_sought),
        _declare(followed_by_a, _tell_followed),
        _declare(rumour, _tell_rumour, causal=False),
        _declare(rumour_in_camps, _tell_rumour_in_camps, causal=False),
    )
}
"""The programs by name."""
