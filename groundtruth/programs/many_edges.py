"""Programs whose circuits have fifteen edges in two layers: four heads, two variables on one MLP, and a last reader.

They are made to be trained (``groundtruth.trained``), where circuits of few edges do not tell methods apart. They are
no part of the library.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence

from groundtruth.compiled.domain import Domain
from groundtruth.programs.registry import Oracle, Program
from groundtruth.programs.shorthand import TRUE, SOp, apply, combine, mean, number, select, tokens

N = 3
"""Every input has this length: of three tokens there are 27 inputs, whose pairs are enumerated in seconds."""


def _contains(token: str) -> SOp:
    is_token = number(f"is_{token}", lambda t: float(t == token), tokens)
    share = mean(f"share_{token}", select(f"all_for_{token}", tokens, tokens, TRUE), is_token)
    return apply(f"has_{token}", lambda s: s > 0, share)


def _waiting_pair() -> SOp:
    both = combine("both", lambda x, y: x and y, _contains("a"), _contains("b"))
    waits = combine("waits", lambda x, token: x and token != "x", _contains("x"), tokens)
    share = mean("share", select("waiting", waits, tokens, lambda k, q: k), number("pair", float, both))
    return combine("told", lambda s, waiting: 2 * (s > 0) + waiting, share, waits)


def waiting_pair() -> SOp:
    """Twice whether a and b occur where any token waits, plus whether this one does: it is no x, and there is one."""
    return _waiting_pair()


def waiting_pair_so_far() -> SOp:
    """The same of the tokens so far, under causal attention."""
    return _waiting_pair()


def _told(seen: Sequence[Sequence[str]], tokens: Sequence[str]) -> list[int]:
    """The answers, from the tokens that each position sees; those that it sees are the first ones."""
    waits = ["x" in those and token != "x" for those, token in zip(seen, tokens, strict=True)]
    pairs = [waiting and {"a", "b"} <= set(those) for those, waiting in zip(seen, waits, strict=True)]
    return [2 * any(pairs[: len(those)]) + waiting for those, waiting in zip(seen, waits, strict=True)]


def _declare(function: Callable[[], SOp], oracle: Oracle, *, causal: bool) -> Program:
    return Program(
        name=function.__name__,
        description=(inspect.getdoc(function) or "").rstrip("."),
        family="many-edges",
        domain=Domain(("a", "b", "x"), N, min_seq_len=N),
        causal=causal,
        pad_safe=False,
        source="own",
        oracle=oracle,
        function=function,
    )


MANY_EDGES: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(waiting_pair, lambda t: _told([t] * len(t), t), causal=False),
        _declare(waiting_pair_so_far, lambda t: _told([t[: i + 1] for i in range(len(t))], t), causal=True),
    )
}
"""The programs by name."""
