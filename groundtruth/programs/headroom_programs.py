"""Programs with a variable of two gathered values that the output needs beside something else of the same site.

They are made to be trained (``groundtruth.trained``), and are no part of the library. Methods that seek a variable are
told apart only where swapping the whole site is wrong (``groundtruth.validity.variable_places``). Here it is wrong at
every site: the heads of the first layer gather two values, an MLP makes one variable of them, and the second layer
uses it with the token that lies in the same stream.

======================= ============================================== =========================================
program                 the variable                                   what uses it
======================= ============================================== =========================================
``add_carry``           a threshold on a sum: the carry                an MLP, with its own digit
``shift_by_ends``       a sum modulo 3                                 an MLP, with its own digit
``next_cell``           a sum modulo 2, at each position another       an MLP, with its own bit
``catch_up``            which of two is larger, one of them used again an MLP, with that digit; causal attention
``mark_if_one_kind``    whether one alone of two shares is above 0     an MLP, with its own letter
``reverse_if_double``   whether two letters are equal                  a head: it says where to read letters
======================= ============================================== =========================================
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from groundtruth.programs.registry import Program, unlisted
from groundtruth.programs.shorthand import (
    EQ,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    indices,
    mean,
    number,
    select,
    tokens,
)

N = 3
"""The length of every input, unless a program says otherwise."""

BASE = 3
"""Digits are below this."""

CELLS = 5
"""The length of a ring of cells."""


def _gather(name: str, place: Callable[[int], int]) -> SOp:
    """The token at the position that ``place`` gives for each position."""
    return aggregate(name, select(f"at_{name}", indices, indices, lambda k, q: k == place(q)), tokens)


def add_carry() -> SOp:
    """Each digit plus the carry of the first two digits' sum, in base 3."""
    first, second = _gather("first", lambda i: 0), _gather("second", lambda i: 1)
    carry = combine("carry", lambda x, y: x + y >= BASE, first, second)
    return combine("added", lambda digit, carried: (digit + carried) % BASE, tokens, carry)


def shift_by_ends() -> SOp:
    """Each digit plus the sum of the first and the last, modulo 3."""
    first, last = _gather("first", lambda i: 0), _gather("last", lambda i: N - 1)
    key = combine("key", lambda x, y: (x + y) % BASE, first, last)
    return combine("shifted", lambda digit, by: (digit + by) % BASE, tokens, key)


def next_cell() -> SOp:
    """One step of rule 150 on a ring of cells: whether a cell and its two neighbours hold an odd number of ones."""
    left, right = _gather("left", lambda i: (i - 1) % CELLS), _gather("right", lambda i: (i + 1) % CELLS)
    odd = combine("odd_neighbours", lambda x, y: (x + y) % 2, left, right)
    return combine("next_cell", lambda cell, odd: (cell + odd) % 2, tokens, odd)


def catch_up() -> SOp:
    """Each digit, and one more where the digit before it is larger."""
    behind = combine("behind", lambda before, own: before > own, _gather("before", lambda i: max(i - 1, 0)), tokens)
    return combine("caught_up", lambda digit, behind: digit + behind, tokens, behind)


def mark_if_one_kind() -> SOp:
    """Each letter, as a capital if a or b occurs and the other does not."""
    one_kind = combine("one_kind", lambda x, y: x != y, _contains("a"), _contains("b"))
    return combine("marked", lambda letter, mark: letter.upper() if mark else letter, tokens, one_kind)


def reverse_if_double() -> SOp:
    """The sequence backwards if its first two letters are equal, else as it is."""
    double = combine("double", lambda x, y: x == y, _gather("first", lambda i: 0), _gather("second", lambda i: 1))
    source = combine("source", lambda turned, i: N - 1 - i if turned else i, double, indices)
    return aggregate("read", select("at_source", indices, source, EQ), tokens)


def _contains(token: str) -> SOp:
    is_token = number(f"is_{token}", lambda t: float(t == token), tokens)
    share = mean(f"share_{token}", select(f"all_for_{token}", tokens, tokens, TRUE), is_token)
    return apply(f"has_{token}", lambda s: s > 0, share)


def _add_carry_in(t: Sequence[int]) -> list[int]:
    return [(digit + (t[0] + t[1]) // BASE) % BASE for digit in t]


def _catch_up_in(t: Sequence[int]) -> list[int]:
    return [t[0], *(own + 1 if before > own else own for before, own in zip(t, t[1:], strict=False))]


def _mark_in(t: Sequence[str]) -> list[str]:
    return [letter.upper() for letter in t] if len({"a", "b"} & {*t}) == 1 else [*t]


_declare = partial(unlisted, family="headroom")

HEADROOM_PROGRAMS: Mapping[str, Program] = {
    declared.name: declared
    for declared in (
        _declare(add_carry, (0, 1, 2), N, oracle=_add_carry_in),
        _declare(shift_by_ends, (0, 1, 2), N, oracle=lambda t: [(digit + t[0] + t[-1]) % BASE for digit in t]),
        _declare(
            next_cell,
            (0, 1),
            CELLS,
            oracle=lambda t: [t[i - 1] ^ cell ^ t[(i + 1) % CELLS] for i, cell in enumerate(t)],
        ),
        _declare(catch_up, (0, 1, 2), N, oracle=_catch_up_in, causal=True),
        _declare(mark_if_one_kind, ("a", "b", "x"), N, oracle=_mark_in),
        _declare(reverse_if_double, ("a", "b", "c"), N, oracle=lambda t: t[::-1] if t[0] == t[1] else t),
    )
}
"""The programs by name."""
