"""Programs in which a condition that hardly ever holds decides the output, at sizes that no one can enumerate.

Each also comes so small that everything can be tried; the circuit is the same at either size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tracr.compiler import lib
from tracr.rasp import rasp

from groundtruth import CompiledModel, compile
from groundtruth.programs.rare_conditions import reversed_unless
from groundtruth.programs.shorthand import EQ, SOp, combine, count, length, select, tokens

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Rare:
    """A program, small and large.

    Attributes:
        build: Builds it for inputs of a length.
        small: Vocabulary and length of its small size.
        large: Vocabulary and length of its large one.
        live: Its live edges under resample ablation.
    """

    build: Callable[[int], SOp]
    small: tuple[tuple[Any, ...], int]
    large: tuple[tuple[Any, ...], int]
    live: tuple[str, ...]

    def compiled(self, vocab: tuple[Any, ...], n: int) -> CompiledModel:
        """The model on inputs of one length."""
        return compile(self.build(n), vocab=vocab, max_seq_len=n, min_seq_len=n, check_limit=2_000)


def all_equal(n: int) -> SOp:
    """Whether all tokens are the same."""
    return combine("all_equal", lambda a, b: a == b, count("n_same", select("same", tokens, tokens, EQ)), length())


TURNED = (
    *("input->a0.h0<v>", "input->a0.h1<v>", "input->m0", "input->m4", "a0.h0->m3", "a0.h1->m0", "m0->m1"),
    *("m1->a2.h0<v>", "a2.h0->m2", "m2->m3", "m3->m4", "m4->logits"),
)

RARE = {
    "abc": Rare(
        lambda n: lib.detect_pattern(rasp.tokens, "abc"),
        (tuple("abcd"), 3),
        (tuple(LETTERS), 6),
        (
            *("input->m0", "m0->a1.h0<v>", "m0->a1.h1<v>", "m0->m2", "a1.h0->m1", "a1.h1->m1", "m1->m2"),
            "m2->logits",
        ),
    ),
    "all equal": Rare(
        all_equal,
        ((1, 2, 3), 3),
        (tuple(range(11)), 9),
        ("input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->m0", "m0->m1", "m1->logits"),
    ),
    "turned if sorted": Rare(
        partial(reversed_unless, lambda before, now: before > now), (tuple("ab"), 3), (tuple(LETTERS), 9), TURNED
    ),
    "turned if descending": Rare(
        partial(reversed_unless, lambda before, now: before < now), (tuple("ab"), 3), (tuple(LETTERS), 9), TURNED
    ),
}
