"""Sums, differences, residues, binary numbers, and addition with carries."""

import re
from collections.abc import Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    length,
    linear,
    mean,
    number,
    select,
    tokens,
)


def _at(token: Any) -> rasp.Select:
    return select(f"at_{token}", tokens, tokens, lambda k, q: k == token)


def _count(token: Any) -> SOp:
    return count(f"n_{token}", _at(token))


def _previous(name: str, values: SOp) -> SOp:
    return aggregate(name, select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0)), values)


def _sum_of_012() -> SOp:
    """The sum of tokens 0, 1, 2: how many 1 plus twice how many 2."""
    return combine("sum", lambda ones, twos: ones + 2 * twos, _count(1), _count(2))


def _with_carries(sums: SOp, base: int) -> SOp:
    """Digit sums (-1 = no digit) with every carry added, most significant first, overflow kept in the first.

    A digit receives a carry if the nearest less significant digit whose sum is not ``base`` - 1 (which would hand
    a carry on) makes one. Nearest = the number of such digits after it is one less than after the receiver.
    """
    kind = apply("kind", lambda s: "none" if s in (-1, base - 1) else "make" if s >= base else "stop", sums)
    deciding = combine("deciding", lambda k, i: -1 if k == "none" else i, kind, indices)
    decides_after = select("decides_after", deciding, indices, lambda k, q: k > q)
    n_after = count("n_after", decides_after)
    own_place = combine("own_place", lambda k, n: -1 if k == "none" else n + 1, kind, n_after)
    nearest = select("nearest", own_place, n_after, lambda k, q: k == q and q > 0)
    carry = apply("carry", lambda c: int(c > 0), mean("carried", nearest, number("makes", lambda k: k == "make", kind)))
    return combine("with_carry", lambda s, c: s + c if s >= 0 else s, sums, carry)


def _steps(t: Sequence[int]) -> list[int]:
    return [0, *(b - a for a, b in zip(t, t[1:], strict=False))]


def _resolved(sums: Sequence[int]) -> list[int]:
    total = int(sum(s * 2 ** (len(sums) - 1 - i) for i, s in enumerate(sums)))
    low = [(total >> (len(sums) - 1 - i)) % 2 for i in range(len(sums))]
    return [total >> (len(sums) - 1), *low[1:]]


def _long_addition(t: Sequence[Any]) -> list[str]:
    width = t.index("+")
    total = int("".join(t[:width]), 2) + int("".join(t[width + 1 :]), 2)
    first, rest = divmod(total, 2 ** (width - 1))
    digits = [str(first), *(format(rest, f"0{width - 1}b") if width > 1 else "")]
    return digits + ["."] * (len(t) - width)


def same_width_sum(tokens: Sequence[Any]) -> bool:
    """Two binary numbers of equal width with a + between them."""
    match = re.fullmatch(r"([01]+)\+([01]+)", "".join(tokens))
    return match is not None and len(match[1]) == len(match[2])


@program(
    "parity",
    family="arithmetic",
    vocab=(0, 1),
    max_seq_len=6,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), parity",
    oracle=lambda t: [sum(t) % 2] * len(t),
)
def parity() -> SOp:
    """Whether the number of ones is odd."""
    return apply("parity", lambda n: n % 2, _count(1))


@program(
    "running_parity",
    family="arithmetic",
    vocab=(0, 1),
    max_seq_len=6,
    causal=True,
    pad_safe=True,
    source="Zhou et al. 2023 (RASP-L), parity with a scratchpad",
    oracle=lambda t: [sum(t[: i + 1]) % 2 for i in range(len(t))],
)
def running_parity() -> SOp:
    """Whether the number of ones up to here is odd, under causal attention."""
    return apply("parity", lambda n: n % 2, _count(1))


@program(
    "sum_mod_3",
    family="arithmetic",
    vocab=(0, 1, 2),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sum(t) % 3] * len(t),
)
def sum_mod_3() -> SOp:
    """The sum of all tokens, modulo 3."""
    return apply("residue", lambda s: s % 3, _sum_of_012())


@program(
    "running_sum",
    family="arithmetic",
    vocab=(0, 1, 2),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: [sum(t[: i + 1]) for i in range(len(t))],
)
def running_sum() -> SOp:
    """The sum of the tokens up to here, under causal attention."""
    return _sum_of_012()


@program(
    "step",
    family="arithmetic",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=_steps,
)
def step() -> SOp:
    """Each token minus the one before it; 0 at the first."""
    return combine("step", lambda token, p: token - p, tokens, _previous("previous", tokens))


@program(
    "second_step",
    family="arithmetic",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="own; discrete second derivative",
    oracle=lambda t: _steps(_steps(t)),
)
def second_step() -> SOp:
    """How much the step changes from the position before."""
    steps = combine("step", lambda token, p: token - p, tokens, _previous("previous", tokens))
    return combine("second_step", lambda s, p: s - p, steps, _previous("previous_step", steps))


@program(
    "sum_of_three",
    family="arithmetic",
    vocab=(1, 2, 3),
    max_seq_len=4,
    pad_safe=True,
    source="Tracr lib.make_nary_sequencemap, a function of three variables",
    oracle=lambda t: [t[max(i - 2, 0)] + t[max(i - 1, 0)] - token for i, token in enumerate(t)],
)
def sum_of_three() -> SOp:
    """The two tokens before this one added, minus this one; the first token stands in for missing ones."""
    before = _previous("before", tokens)
    two_before = aggregate(
        "two_before", select("at_two_before", indices, indices, lambda k, q: k == max(q - 2, 0)), tokens
    )
    # A pair of values in one category, as Tracr's n-ary maps hold them; a number, so that directions are plain.
    pair = combine("pair", lambda x, y: 10 * x + y, two_before, before)
    return combine("sum_of_three", lambda xy, z: xy // 10 + xy % 10 - z, pair, tokens)


@program(
    "nary_map",
    family="arithmetic",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_nary_sequencemap; test_cases, x * y / z",
    oracle=lambda t: [i * t[0] / token for i, token in enumerate(t)],
)
def nary_map() -> SOp:
    """The position times the first token, divided by this token."""
    first = aggregate("first", select("at_first", indices, indices, lambda k, q: k == 0), tokens)
    pair = combine("pair", lambda i, f: 10 * i + f, indices, first)
    return combine("quotient", lambda xy, z: (xy // 10) * (xy % 10) / z, pair, tokens)


@program(
    "binary_value",
    family="arithmetic",
    vocab=(0, 1),
    max_seq_len=4,
    pad_safe=True,
    source="own",
    oracle=lambda t: [int("".join(map(str, t)), 2)] * len(t),
)
def binary_value() -> SOp:
    """The binary number that the bits spell, as a magnitude."""
    n = length()
    is_one = number("is_one", lambda bit: bit, tokens)

    def bit(power: int) -> SOp:
        """The bit of a power of two; 0 where the number is too short."""
        at_place = select(f"at_bit{power}", indices, n, lambda k, q: k == q - 1 - power)
        return mean(f"bit{power}", at_place, is_one)

    high = linear("high_half", bit(3), bit(2), factors=(8, 4))
    low = linear("low_half", bit(1), bit(0), factors=(2, 1))
    return linear("value", high, low, factors=(1, 1))


@program(
    "surplus",
    family="arithmetic",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t.count("a") - t.count("b")] * len(t),
)
def surplus() -> SOp:
    """How many more a than b there are, as a magnitude."""
    n_a, n_b = (rasp.numerical(rasp.SelectorWidth(_at(token))).named(f"n_{token}") for token in "ab")
    return linear("surplus", n_a, n_b, factors=(1, -1))


@program(
    "add_bit_pairs",
    family="arithmetic",
    vocab=(0, 1, 2),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, long addition: the carries",
    oracle=_resolved,
)
def add_bit_pairs() -> SOp:
    """Sums of bit pairs, most significant first, resolved into the bits of their sum; the first keeps overflow."""
    summed = _with_carries(tokens, 2)
    return combine("digit", lambda s, i: s if i == 0 else s % 2, summed, indices)


@program(
    "long_addition",
    family="arithmetic",
    vocab=("0", "1", "+"),
    max_seq_len=7,
    min_seq_len=3,
    valid=same_width_sum,
    pad_safe=True,
    source="Weiss et al. 2021, long addition",
    oracle=_long_addition,
)
def long_addition() -> SOp:
    """Two binary numbers added: the sum in place of the first, its overflow in the first digit, then dots."""
    plus = aggregate("plus", select("at_plus", tokens, tokens, lambda k, q: k == "+"), indices)
    partner = combine("partner", lambda p, i: i + p + 1 if i < p else i, plus, indices)
    other = aggregate("other", select("at_partner", indices, partner, EQ), tokens)
    both = combine("both", lambda x, y: -1 if "+" in (x, y) else int(x) + int(y), tokens, other)
    in_first = combine("in_first", lambda p, i: i < p, plus, indices)
    sums = combine("sums", lambda s, first: s if first else -1, both, in_first)
    summed = _with_carries(sums, 2)
    return combine("digit", lambda s, i: "." if s < 0 else str(s if i == 0 else s % 2), summed, indices)
