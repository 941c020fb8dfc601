"""Two-digit sums and differences in columns, written digit by digit, ones first: ``7 + 5 , 2 + 3 = 2`` -> ``6``.

This is 27 + 35 = 62; ``2 - 5 , 6 - 3 = 7`` -> ``2`` is 62 - 35 = 27. Each task asks for one digit of the result, behind
those that are written already. Where a carry (or a borrow) and a sum (or a difference) of digits stand side by side,
the next digit tells them apart: a site that holds both answers wrongly when all of it is swapped.

Operands, families of counterfactuals and parts of the data are those of ``mib.tasks.arithmetic``. Differences are of
operands of which the first has more tens: then a borrow that is taken from elsewhere leaves a digit too.

Source: results written from their ones on, Lee et al. (2023), https://arxiv.org/abs/2307.03381; circuits of addition in
small transformers, Quirke & Barez (2023), https://arxiv.org/abs/2310.13121. The order in columns is our own.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from mib.errors import FormatError
from mib.tasks.arithmetic import (
    DIGITS,
    FAMILIES,
    MAY_ASK,
    OPERANDS,
    SIGNS,
    MayAsk,
    Operator,
    draw_member,
    draw_operands,
)
from mib.tasks.data_columns import column, families_in
from mib.tasks.data_parts import Part
from mib.tasks.example import SUFFIX, Example, Prompt, Row
from mib.tasks.task_causal_model import CausalModel, Mechanism
from mib.tasks.task_definition import Draw
from mib.tasks.word_pieces import vocabulary_of

Place = Literal["ones", "tens", "hundreds"]
PLACES: Mapping[Operator, tuple[Place, ...]] = {"+": ("ones", "tens", "hundreds"), "-": ("ones", "tens")}
"""The digits of a result, in the order in which they are written."""

POSITIONS = ("op1_ones", "op2_ones", "comma", "op1_tens", "op2_tens", "equals")
"""Named places in every prompt, from left to right."""

_MAY_ASK: Mapping[Operator, MayAsk] = {**MAY_ASK, "-": lambda a, b: a // 10 > b // 10}
_WORDS: Mapping[Operator, tuple[str, str]] = {"+": ("sum", "carry"), "-": ("difference", "borrow")}
"""What a column makes of its digits, and what it hands to the next one."""


def _causal_model(operator: Operator, asked: Place) -> CausalModel:
    """Return addition or subtraction in columns, whose answer is one digit of the result."""
    sign, (made, handed) = SIGNS[operator], _WORDS[operator]
    ones, moved, tens = f"ones_{made}", f"ones_{handed}", f"tens_{made}"
    mechanisms: dict[str, Mechanism] = {
        ones: (("op1_ones", "op2_ones"), lambda a, b: a + sign * b),
        moved: ((ones,), lambda total: int(not 0 <= total <= 9)),
        "ones_out": ((ones,), lambda total: total % 10),
        tens: (("op1_tens", "op2_tens"), lambda a, b: a + sign * b),
        "tens_out": ((tens, moved), lambda total, more: (total + sign * more) % 10),
        "hundreds_out": ((tens, moved), lambda total, more: int(not 0 <= total + sign * more <= 9)),
        "answer": ((f"{asked}_out",), lambda digit: f" {digit}"),
    }
    if "hundreds" not in PLACES[operator]:
        del mechanisms["hundreds_out"]
    return CausalModel(inputs=DIGITS, mechanisms=mechanisms, output="answer")


_ASKED: list[tuple[Operator, Place]] = [(operator, place) for operator, places in PLACES.items() for place in places]
CAUSAL_MODELS: Mapping[tuple[Operator, Place], CausalModel] = {asked: _causal_model(*asked) for asked in _ASKED}


def draw(operator: Operator, asked: Place, rng: random.Random, part: Part) -> Row:
    """One row, with a member of each family that the operands have one of; all ask for the same digit.

    Args:
        operator: ``+`` or ``-``.
        asked: The digit of the result that is asked for.
        rng: Makes every choice.
        part: The part of the data that the row belongs to, settled by the unordered pair of operands, as of
            ``mib.tasks.arithmetic``: a sum or difference that is held out there is held out here.
    """
    may_ask = _MAY_ASK[operator]
    operands = draw_operands(operator, rng, part, may_ask=may_ask)
    members = {name: draw_member(operator, name, operands, rng, part, may_ask=may_ask) for name in FAMILIES[operator]}
    return {
        "idx": 100 * operands[0] + operands[1],
        "asked": asked,
        **_cell(operator, asked, operands),
        **{name + SUFFIX: _cell(operator, asked, pair) if pair else None for name, pair in members.items()},
    }


def _cell(operator: Operator, asked: Place, operands: tuple[int, int]) -> dict[str, Any]:
    digits = _digits(operator, *operands)
    return {
        "prompt": _text(operator, asked, *operands),
        "label": digits[PLACES[operator].index(asked)],
        "operand1": operands[0],
        "operand2": operands[1],
    }


def _digits(operator: Operator, a: int, b: int) -> str:
    """Return the digits of a result in the order in which they are written, with leading zeros at the end."""
    return f"{a + SIGNS[operator] * b:0{len(PLACES[operator])}d}"[::-1]


def _text(operator: Operator, asked: Place, a: int, b: int) -> str:
    written = _digits(operator, a, b)[: PLACES[operator].index(asked)]
    return " ".join((f"{a % 10} {operator} {b % 10} , {a // 10} {operator} {b // 10} =", *written))


def parse(operator: Operator, asked: Place, row: Row) -> Example:
    """An example from a row.

    Raises:
        FormatError: If a column is missing, asks for another digit, or prompt, operands and label do not agree.
    """
    if str(column(row, "asked")) != asked:
        raise FormatError(f"column 'asked' holds {row['asked']!r}; this task asks for '{asked}'.")
    members = {name: _prompt(operator, asked, row[name + SUFFIX], name + SUFFIX + ".") for name in families_in(row)}
    return Example(_prompt(operator, asked, row, ""), members)


def _prompt(operator: Operator, asked: Place, cell: Row, where: str) -> Prompt:
    text, label = str(column(cell, "prompt")), str(column(cell, "label", kind=(int, str)))
    a, b = (int(column(cell, name, kind=int)) for name in ("operand1", "operand2"))
    if not {a, b} <= set(OPERANDS):
        raise FormatError(f"columns '{where}operand1' and 'operand2' hold {a} and {b}; expected 10 to 99.")
    if not _MAY_ASK[operator](a, b):
        raise FormatError(
            f"columns '{where}operand1' and 'operand2' hold {a} and {b}; expected more tens in the first, from which "
            "the second is taken."
        )
    if text != (expected := _text(operator, asked, a, b)):
        raise FormatError(f"column '{where}prompt' holds {text!r}; {a} {operator} {b}, {asked} asked, is {expected!r}.")
    settings: dict[str, int] = dict(zip(DIGITS, map(int, f"{a}{b}"), strict=True))
    variables = CAUSAL_MODELS[operator, asked].run(settings)
    if variables["answer"].strip() != label:
        raise FormatError(
            f"column '{where}label' holds {label!r}, but the {asked} of {a} {operator} {b} are {variables['answer']}."
        )
    starts = (0, 4, 6, 8, 12, 14)  # a word is one character, with a blank behind it; the signs have no name
    return Prompt(text, variables["answer"], variables, {n: (i, i + 1) for n, i in zip(POSITIONS, starts, strict=True)})


def vocabulary(operator: Operator) -> tuple[str, ...]:
    """All words of generated prompts and answers; a digit is one word."""
    return vocabulary_of((f"{operator} , =", *map(str, range(10))))


DRAW: Mapping[tuple[Operator, Place], Draw] = {asked: partial(draw, *asked) for asked in _ASKED}
PARSE: Mapping[tuple[Operator, Place], Callable[[Row], Example]] = {asked: partial(parse, *asked) for asked in _ASKED}
