"""The next token of a text, as a language model gives it: causal, and the answer is at the last position."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import SOp, aggregate, apply, combine, count, indices, select, tokens

_UNSAID = "?"
"""Output where the question is still being asked."""


def _previous() -> SOp:
    return aggregate("previous", select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)


def _counts() -> Iterator[tuple[str, ...]]:
    """Two bounds, then > and how far it has been counted, from nothing at all to the upper bound."""
    for low, high in product(range(6), repeat=2):
        counted = [str(n) for n in range(low, high + 1)]
        for shown in range(len(counted) + 1 if counted else 0):
            yield (str(low), str(high), ">", *counted[:shown])


def _next_count(t: Sequence[str]) -> list[str]:
    return [
        _UNSAID if i < 2 else t[0] if i == 2 else "." if t[i] == t[1] else str(int(t[i]) + 1) for i in range(len(t))
    ]


@program(
    "count_up",
    family="prediction",
    inputs=_counts(),
    inputs_text="two bounds, > and a beginning of the count from one to the other",
    causal=True,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), counting",
    oracle=_next_count,
)
def count_up() -> SOp:
    """Counting from one bound to the other, token by token, with a dot at the end."""
    low = aggregate("low", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    high = aggregate("high", select("at_second", indices, indices, lambda k, q: k == min(q, 1)), tokens)
    after = combine("after", lambda t, h: t if t == ">" else "." if t == h else str((int(t) + 1) % 6), tokens, high)
    follows = combine("follows", lambda a, l: l if a == ">" else a, after, low)
    return combine("next", lambda f, i: _UNSAID if i < 2 else f, follows, indices)


_PLACES = "cba"
"""Index hints, most significant first; the sum can have one digit more than what is added."""


def _answer(x: int, y: int) -> tuple[str, ...]:
    """The sum with a hint before each bit, least significant first."""
    return tuple(part for i, hint in enumerate(reversed(_PLACES)) for part in (hint, str((x + y) >> i & 1)))


def _additions() -> Iterator[tuple[str, ...]]:
    """Two numbers of two bits, each bit behind its hint, then > and a beginning of the sum."""
    for x, y in product(range(4), repeat=2):
        question = ("b", str(x >> 1), "a", str(x & 1), "+", "b", str(y >> 1), "a", str(y & 1), ">")
        answer = _answer(x, y)
        for shown in range(len(answer) + 1):
            yield question + answer[:shown]


def _next_of_sum(t: Sequence[str]) -> list[str]:
    start = t.index(">")
    x, y = (int(t[i]) * 2 + int(t[i + 2]) for i in (1, 6))
    answer = (*_answer(x, y), ".")
    return [_UNSAID if i < start else answer[i - start] for i in range(len(t))]


@program(
    "add_with_hints",
    family="prediction",
    inputs=_additions(),
    inputs_text="two numbers of two bits with index hints, > and a beginning of their sum from its last bit",
    causal=True,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), addition with index hints, in reversed order",
    oracle=_next_of_sum,
)
def add_with_hints() -> SOp:
    """Adding two numbers bit by bit, each bit behind a hint which one it is, with a dot at the end."""
    asked = apply("asked", lambda n: n > 0, count("n_marks", select("marks", tokens, tokens, lambda k, q: k == ">")))
    previous = _previous()
    bit = combine("bit", lambda p, t: p + t if t == "1" else "", previous, tokens)
    given = combine("given", lambda b, a: "" if a else b, bit, asked)
    n_high, n_low = (_few(count(f"n_{h}", select(f"ones_{h}", given, tokens, _is(h + "1")))) for h in "ba")
    total = combine("total", lambda high, low: 2 * high + low, n_high, n_low)
    places = dict(zip(reversed(_PLACES), range(3), strict=True))
    digit = combine("digit", lambda t, s: str(s >> places[t] & 1) if t in places else "", tokens, total)
    hints = {"": "a", "a": "b", "b": "c", "c": "."}
    hint = combine("hint", lambda t, p: hints[p] if t in "01" else "a" if t == ">" else "", tokens, previous)
    follows = combine("follows", lambda d, h: d or h, digit, hint)
    return combine("next", lambda f, a: f if a else _UNSAID, follows, asked)


def _is(wanted: Any) -> Any:
    return lambda key, query: key == wanted


def _few(counted: SOp) -> SOp:
    return apply(f"{counted.name}_of_two", lambda n: min(n, 2), counted)
