"""Programs whose circuits have fifteen edges and more: heads that look for tokens, shared MLPs, heads that read them.

They are made to be trained (``groundtruth.trained``), where circuits of few edges do not tell methods apart. They are
no part of the library. Every variable is a token, a truth value, or a share that is only asked whether it is 0. They
differ in what the later heads do:

======================= ===========================================================================================
``waiting_pair``        one head reads an MLP by key and by value; certified at most seeds that were tried
``waiting_pair_so_far`` the same under causal attention; certified at some seeds
``two_lookups``         two heads read one variable of an MLP by key, for opposite values; refused so far
``met_in_camp``         one head compares a variable of its query with its keys'; refused so far
``rumour``              three layers: a head gathers what an MLP tells for the next MLP, twice; refused so far
======================= ===========================================================================================
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from groundtruth.programs.registry import Oracle, Program, unlisted
from groundtruth.programs.shorthand import (
    EQ,
    TRUE,
    SOp,
    apply,
    combine,
    mean,
    number,
    select,
    tokens,
)

N = 3
"""Every input has this length: of three tokens there are 27 inputs, whose pairs are enumerated in seconds."""

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
    """Twice whether a token that waited was an a, plus whether one that did not wait was a b, so far."""
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


def met_in_camp() -> SOp:
    """Twice whether an a of this token's camp occurs beside a b, plus whether this token waits."""
    waits, met = _waits(), combine("met", lambda b, token: b and token == "a", _contains("b"), tokens)
    share = mean("share", select("same_camp", waits, waits, EQ), number("met_there", float, met))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, share, waits)


def rumour() -> SOp:
    """Twice whether any token that does not wait hears of an a that does, plus whether this one waits."""
    waits = _waits()
    is_a = number("is_a_there", lambda t: float(t == "a"), tokens)
    first = mean("first_share", select("waiting", waits, tokens, lambda k, q: k), is_a)
    heard = combine("heard", lambda s, waiting: (s > 0) and not waiting, first, waits)
    second = mean("second_share", select("everyone", tokens, tokens, TRUE), number("heard_there", float, heard))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, second, waits)


def _waits_in(seen: Sight) -> bool:
    return "x" in seen and seen[-1] != "x"


def _pair_in(seen: Sight) -> bool:
    return {"a", "b"} <= set(seen)


def _tell_waiting_pair(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * any(_waits_in(seen) and _pair_in(seen) for seen in all_seen) + _waits_in(own)


def _tell_lookups(all_seen: Sequence[Sight], own: Sight) -> int:
    waiting = any(_waits_in(seen) and seen[-1] == "a" for seen in all_seen)
    return 2 * waiting + any(not _waits_in(seen) and seen[-1] == "b" for seen in all_seen)


def _tell_met(all_seen: Sequence[Sight], own: Sight) -> int:
    camp = [seen for seen in all_seen if _waits_in(seen) == _waits_in(own)]
    return 2 * any(seen[-1] == "a" and "b" in seen for seen in camp) + _waits_in(own)


def _hears(all_seen: Sequence[Sight], own: Sight) -> bool:
    return not _waits_in(own) and any(_waits_in(seen) and seen[-1] == "a" for seen in all_seen)


def _tell_rumour(all_seen: Sequence[Sight], own: Sight) -> int:
    return 2 * any(_hears(all_seen, seen) for seen in all_seen) + _waits_in(own)


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
    return unlisted(
        function, ("a", "b", "x"), N, family="many-edges", oracle=_answers(tell, causal=causal), causal=causal
    )


MANY_EDGES: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(waiting_pair, _tell_waiting_pair, causal=False),
        _declare(waiting_pair_so_far, _tell_waiting_pair),
        _declare(two_lookups, _tell_lookups),
        _declare(met_in_camp, _tell_met, causal=False),
        _declare(rumour, _tell_rumour, causal=False),
    )
}
"""The programs by name."""
