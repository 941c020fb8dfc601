"""Inputs that meet a rule which next to none meets: from a few that do, by small changes."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

_Tokens: TypeAlias = tuple[Any, ...]

TRIES = 200_000
"""Sequences to which a rule is applied in one search."""

_RANDOM = 2_000
"""Random sequences of each kind among those that a search starts from."""


def find_rare(
    rule: Callable[[_Tokens], bool], vocab: Sequence[Any], length: int, n: int, rng: random.Random
) -> list[_Tokens]:
    """Sequences that meet a rule, at most ``n`` different ones; not all that there are.

    A rule that few sequences meet is mostly about their form: sorted, equal, mirrored, of few tokens. Sequences of such
    forms are tried first. Those that meet the rule are changed, by a token, by an exchange, by a turn, and again.

    Args:
        rule: Predicate that a sequence must satisfy.
        vocab: Its tokens.
        length: Its length.
        n: Number of inputs that are wanted.
        rng: Chooses what is tried.
    """
    left = TRIES
    found: dict[_Tokens, None] = {}
    tried: set[_Tokens] = set()
    waiting = _forms(vocab, length, rng)
    changed: list[_Tokens] = []
    while left and len(found) < n:
        tokens = next(waiting, None)
        if tokens is None:
            if not changed:
                break
            # At random, neither first nor last: either would keep the search in the neighbourhood of one form.
            waiting = _changes(changed.pop(rng.randrange(len(changed))), vocab)
            continue
        if tokens in tried:
            continue
        tried.add(tokens)
        left -= 1
        if rule(tokens):
            found[tokens] = None
            changed.append(tokens)
    # In an order that does not tell how they were found, so that a sample of them can be drawn by a seed.
    return sorted(found)


def _forms(vocab: Sequence[Any], length: int, rng: random.Random) -> Iterator[_Tokens]:
    """Sequences of telling forms: constant, of two runs, sorted, mirrored, repeated, without repetition, any."""
    for first in vocab:
        yield (first,) * length
    for first in vocab:
        for second in vocab:
            for cut in range(1, length):
                yield (first,) * cut + (second,) * (length - cut)
    for _ in range(_RANDOM):
        tokens = tuple(rng.choices(vocab, k=length))
        half = tokens[: (length + 1) // 2]
        yield tokens
        yield tuple(sorted(tokens))
        yield tuple(sorted(tokens, reverse=True))
        yield half + half[: length // 2][::-1]
        yield (half + half)[:length]
        yield tuple(rng.choices(rng.sample(list(vocab), min(2, len(vocab))), k=length))
        if length <= len(vocab):
            chosen = rng.sample(list(vocab), length)
            yield from (tuple(chosen), tuple(sorted(chosen)), tuple(sorted(chosen, reverse=True)))


def _changes(tokens: _Tokens, vocab: Sequence[Any]) -> Iterator[_Tokens]:
    """Sequences that are little different from one."""
    yield tokens[::-1]
    for place, old in enumerate(tokens):
        yield tokens[place:] + tokens[:place]
        yield from ((*tokens[:place], token, *tokens[place + 1 :]) for token in vocab if token != old)
        for other in range(place + 1, len(tokens)):
            moved = list(tokens)
            moved[place], moved[other] = moved[other], moved[place]
            yield tuple(moved)
