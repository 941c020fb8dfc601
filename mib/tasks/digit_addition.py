"""Two-digit addition in columns, written digit by digit, ones first: ``7 + 5 , 2 + 3 = 2`` -> ``6``, for 27 + 35 = 62.

Each task asks for one digit of the sum, behind those that are written already. Where a carry and a sum of digits stand
side by side, the next digit tells them apart: a site that holds both answers wrongly when all of it is swapped.

Operands, families of counterfactuals and parts of the data are those of ``mib.tasks.arithmetic``.

Source: sums written from their ones on, Lee et al. (2023), https://arxiv.org/abs/2307.03381; circuits of addition in
small transformers, Quirke & Barez (2023), https://arxiv.org/abs/2310.13121. The order in columns is our own.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, get_args

from mib.errors import FormatError
from mib.tasks.arithmetic import DIGITS, FAMILIES, OPERANDS, draw_member, draw_operands
from mib.tasks.data_columns import column, families_in
from mib.tasks.data_parts import Part
from mib.tasks.example import SUFFIX, Example, Prompt, Row
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.task_definition import Draw
from mib.tasks.word_pieces import vocabulary_of

Place = Literal["ones", "tens", "hundreds"]
PLACES: tuple[Place, ...] = get_args(Place)
"""The digits of a sum, in the order in which they are written."""

POSITIONS = ("op1_ones", "op2_ones", "comma", "op1_tens", "op2_tens", "equals")
"""Named places in every prompt, from left to right."""


def _causal_model(asked: Place) -> CausalModel:
    """Return column addition, whose answer is one digit of the sum."""
    return CausalModel(
        inputs=DIGITS,
        mechanisms={
            "ones_sum": (("op1_ones", "op2_ones"), lambda a, b: a + b),
            "ones_carry": (("ones_sum",), lambda total: int(total > 9)),
            "ones_out": (("ones_sum",), lambda total: total % 10),
            "tens_sum": (("op1_tens", "op2_tens"), lambda a, b: a + b),
            "tens_out": (("tens_sum", "ones_carry"), lambda total, carry: (total + carry) % 10),
            "hundreds_out": (("tens_sum", "ones_carry"), lambda total, carry: int(total + carry > 9)),
            "answer": ((f"{asked}_out",), lambda digit: f" {digit}"),
        },
        output="answer",
    )


CAUSAL_MODELS: Mapping[str, CausalModel] = {place: _causal_model(place) for place in PLACES}


def draw(asked: Place, rng: random.Random, part: Part) -> Row:
    """One row, with a member of each family that the operands have one of; all ask for the same digit.

    Args:
        asked: The digit of the sum that is asked for.
        rng: Makes every choice.
        part: The part of the data that the row belongs to, settled by the unordered pair of operands, as of
            ``mib.tasks.arithmetic``: a sum that is held out there is held out here.
    """
    operands = draw_operands("+", rng, part)
    members = {name: draw_member("+", name, operands, rng, part) for name in FAMILIES["+"]}
    return {
        "idx": 100 * operands[0] + operands[1],
        "asked": asked,
        **_cell(asked, operands),
        **{name + SUFFIX: _cell(asked, pair) if pair else None for name, pair in members.items()},
    }


def _cell(asked: Place, operands: tuple[int, int]) -> dict[str, Any]:
    digits = _digits(sum(operands))
    return {
        "prompt": _text(asked, *operands),
        "label": digits[PLACES.index(asked)],
        "operand1": operands[0],
        "operand2": operands[1],
    }


def _digits(total: int) -> str:
    """Return the digits of a sum in the order in which they are written, with a leading 0 at the end."""
    return f"{total:03d}"[::-1]


def _text(asked: Place, a: int, b: int) -> str:
    written = _digits(a + b)[: PLACES.index(asked)]
    return " ".join((f"{a % 10} + {b % 10} , {a // 10} + {b // 10} =", *written))


def parse(asked: Place, row: Row) -> Example:
    """An example from a row.

    Raises:
        FormatError: If a column is missing, asks for another digit, or prompt, operands and label do not agree.
    """
    if str(column(row, "asked")) != asked:
        raise FormatError(f"column 'asked' holds {row['asked']!r}; this task asks for '{asked}'.")
    members = {name: _prompt(asked, row[name + SUFFIX], name + SUFFIX + ".") for name in families_in(row)}
    return Example(_prompt(asked, row, ""), members)


def _prompt(asked: Place, cell: Row, where: str) -> Prompt:
    text, label = str(column(cell, "prompt")), str(column(cell, "label", kind=(int, str)))
    a, b = (int(column(cell, name, kind=int)) for name in ("operand1", "operand2"))
    if not {a, b} <= set(OPERANDS):
        raise FormatError(f"columns '{where}operand1' and 'operand2' hold {a} and {b}; expected 10 to 99.")
    if text != (expected := _text(asked, a, b)):
        raise FormatError(f"column '{where}prompt' holds {text!r}; {a} + {b}, {asked} asked, is {expected!r}.")
    settings: dict[str, int] = dict(zip(DIGITS, map(int, f"{a}{b}"), strict=True))
    variables = CAUSAL_MODELS[asked].run(settings)
    if variables["answer"].strip() != label:
        raise FormatError(
            f"column '{where}label' holds {label!r}, but the {asked} of {a} + {b} are {variables['answer']}."
        )
    starts = (0, 4, 6, 8, 12, 14)  # a word is one character, with a blank behind it; the signs have no name
    return Prompt(text, variables["answer"], variables, {n: (i, i + 1) for n, i in zip(POSITIONS, starts, strict=True)})


def vocabulary() -> tuple[str, ...]:
    """All words of generated prompts and answers; a digit is one word."""
    return vocabulary_of(("+ , =", *map(str, range(10))))


DRAW: Mapping[str, Draw] = {place: partial(draw, place) for place in PLACES}
PARSE: Mapping[str, Callable[[Row], Example]] = {place: partial(parse, place) for place in PLACES}
