"""Inputs that matter, found by search on a program's trace: each expression takes as many of its values as possible.

A rare condition (sorted, all equal, the last letter of a pattern) hardly ever holds at random. But a program computes
it step by step, and an input one step nearer shows it: one more pair in order is a new value of the count of pairs. So
an input is kept if some expression takes a value there that it took on no other, and its single-token edits come next.
"""

import random
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.rasp.evaluate import Column, columns
from groundtruth.rasp.expressions import children_first

EVALUATIONS = 40_000
"""Inputs on which the program may be run in one search."""

_FIRST = 1_000
"""Random inputs to begin with."""

_TOGETHER = 2_048
"""Inputs that are evaluated together."""


def covering_inputs(
    program: rasp.SOp, domain: Domain, *, causal: bool = False, evaluations: int = EVALUATIONS, seed: int = 0
) -> list[Tokens]:
    """Inputs of the greatest length at which expressions take each value that a search comes upon, rarest last found.

    Args:
        program: The program.
        domain: Its inputs.
        causal: True if attention sees only the past.
        evaluations: On how many inputs the program may be run.
        seed: Chooses the inputs to begin with.

    Returns:
        Few inputs, in the order in which they were found; the latest are those that chance would not have found.
    """
    search = _Search(program, causal)
    longest = domain.with_lengths(domain.max_seq_len, domain.max_seq_len)
    first = [*_regular(longest), *longest.inputs(limit=_FIRST, seed=seed).tokens]
    search.look_at(first)
    while search.queue and search.evaluated < evaluations:
        batch: dict[Tokens, None] = {}
        while search.queue and len(batch) < _TOGETHER:
            # The latest first: it is nearest to a condition that is about to be met.
            batch |= dict.fromkeys(longest.edits(search.queue.pop()))
        search.look_at([tokens for tokens in batch if tokens not in search.seen])
    return search.kept


def with_edits(inputs: Sequence[Tokens], domain: Domain, limit: int, *, seed: int = 0) -> list[Tokens]:
    """Inputs with their single-token edits, at most ``limit`` in all: as many edits of each as there is room for.

    Args:
        inputs: The inputs, which come first.
        domain: Says which edits are inputs.
        limit: The most inputs to return.
        seed: Chooses the edits of an input that has too many.
    """
    chosen = dict.fromkeys(inputs[:limit])
    rng = random.Random(seed)
    for index, tokens in enumerate(inputs):
        # What one input leaves of its share goes to those after it.
        share = (limit - len(chosen)) // (len(inputs) - index)
        edits = [edit for edit in domain.edits(tokens) if edit not in chosen]
        chosen |= dict.fromkeys(edits if len(edits) <= share else rng.sample(edits, share))
    return list(chosen)


@dataclass
class _Search:
    """What a search has found.

    Attributes:
        program: The program.
        causal: True if attention sees only the past.
        kept: The inputs that showed something new.
        queue: Inputs whose edits were not tried yet; the latest come first.
        seen: All that were evaluated.
        evaluated: Number of inputs evaluated.
    """

    program: rasp.SOp
    causal: bool
    kept: list[Tokens] = field(default_factory=list[Tokens])
    queue: deque[Tokens] = field(default_factory=deque[Tokens])
    seen: set[Tokens] = field(default_factory=set[Tokens])
    evaluated: int = 0
    _known: set[tuple[int, Hashable]] = field(default_factory=set[tuple[int, Hashable]])

    def look_at(self, inputs: Sequence[Tokens]) -> None:
        """Evaluate inputs of one length and keep those at which some expression takes a new value."""
        self.seen.update(inputs)
        self.evaluated += len(inputs)
        for rows, held in _evaluable(self.program, inputs, self.causal):
            for index in self._new(held):
                self.kept.append(rows[index])
                self.queue.append(rows[index])

    def _new(self, held: Mapping[int, Column]) -> list[int]:
        """Find which inputs, in order, show a value of an expression that was not known."""
        found: set[int] = set()
        for number, expression in enumerate(children_first(self.program)):
            if not isinstance(expression, rasp.SOp):
                continue
            column = held[id(expression)]
            codes, first = np.unique(column.codes, return_index=True)
            for code, where in zip(codes.tolist(), first.tolist(), strict=True):
                # By type too: 1 and True are equal, and a function may tell them apart.
                name = (number, _name(column.values[code]))
                if name not in self._known:
                    self._known.add(name)
                    found.add(where // column.codes.shape[1])
        return sorted(found)


def _name(value: object) -> Hashable:
    return type(value).__name__, value if isinstance(value, Hashable) else repr(value)


def _evaluable(
    program: rasp.SOp, inputs: Sequence[Tokens], causal: bool
) -> Iterator[tuple[Sequence[Tokens], Mapping[int, Column]]]:
    """The values on inputs, in one piece, or without those on which the program fails."""
    if not inputs:
        return
    try:
        held = columns(program, inputs, causal=causal)
    except Exception:  # any error of a user's function: a search goes on where there is none
        if len(inputs) > 1:
            # One input on which a function fails would hide all of its batch; halves find it in log2 steps.
            half = len(inputs) // 2
            yield from _evaluable(program, inputs[:half], causal)
            yield from _evaluable(program, inputs[half:], causal)
        return
    yield inputs, held


def _regular(domain: Domain) -> Iterable[Tokens]:
    """Inputs that chance does not give: one token throughout, in order, and in order backwards."""
    n, vocab = domain.max_seq_len, domain.vocab
    in_order = tuple(vocab[position * len(vocab) // n] for position in range(n))
    for tokens in dict.fromkeys([*((token,) * n for token in vocab), in_order, in_order[::-1]]):
        if tokens in domain:
            yield tokens
