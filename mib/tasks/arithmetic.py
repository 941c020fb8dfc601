"""Two-digit addition and subtraction: ``Q: How much is 27 plus 35? A: `` -> ``62``.

Source: Stolfo et al. (2023), https://arxiv.org/abs/2305.15054; the families of counterfactuals are those of MIB,
https://arxiv.org/abs/2504.13151.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

from mib.errors import FormatError
from mib.tasks.data_columns import column, families_in
from mib.tasks.data_parts import Part, part_of
from mib.tasks.example import SUFFIX, Example, Prompt, Row
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_pieces import vocabulary_of

Operator = Literal["+", "-"]
MayAsk = Callable[[int, int], bool]
"""Tells whether a task asks for what two operands make."""

OPERANDS = range(10, 100)
TEMPLATES: dict[Operator, tuple[str, ...]] = {
    "+": (
        "Q: How much is {operand1} plus {operand2}? A: ",
        "Q: What do {operand1} and {operand2} add up to? A: ",
        "Adding {operand1} and {operand2} gives ",
        "{operand1} plus {operand2} is equal to ",
    ),
    "-": (
        "Q: How much is {operand1} minus {operand2}? A: ",
        "Q: What is left of {operand1} without {operand2}? A: ",
        "Taking {operand2} away from {operand1} gives ",
        "{operand1} minus {operand2} is equal to ",
    ),
}
DIGITS = ("op1_tens", "op1_ones", "op2_tens", "op2_ones")
FAMILIES: dict[Operator, tuple[str, ...]] = {
    "+": ("random", "ones_op1", "ones_op2", "tens_op1", "tens_op2", "ones_carry", "tens_carry"),
    "-": ("random", "ones_op1", "ones_op2", "tens_op1", "tens_op2"),
}

ADDITION_MODEL = CausalModel(
    inputs=DIGITS,
    mechanisms={
        "ones_carry": (("op1_ones", "op2_ones"), lambda a, b: int(a + b > 9)),
        "ones_out": (("op1_ones", "op2_ones"), lambda a, b: (a + b) % 10),
        "tens_out": (("op1_tens", "op2_tens", "ones_carry"), lambda a, b, carry: (a + b + carry) % 10),
        "hundreds_out": (("op1_tens", "op2_tens", "ones_carry"), lambda a, b, carry: int(a + b + carry > 9)),
        "answer": (("hundreds_out", "tens_out", "ones_out"), lambda h, t, o: str(100 * h + 10 * t + o)),
    },
    output="answer",
)
SUBTRACTION_MODEL = CausalModel(
    inputs=DIGITS,
    mechanisms={
        "ones_borrow": (("op1_ones", "op2_ones"), lambda a, b: int(a < b)),
        "ones_out": (("op1_ones", "op2_ones"), lambda a, b: (a - b) % 10),
        "tens_out": (("op1_tens", "op2_tens", "ones_borrow"), lambda a, b, borrow: a - b - borrow),
        "answer": (("tens_out", "ones_out"), lambda t, o: str(10 * t + o)),
    },
    output="answer",
)
SIGNS: Mapping[Operator, int] = {"+": 1, "-": -1}
"""The factor of the second operand."""

MAY_ASK: Mapping[Operator, MayAsk] = {"+": lambda a, b: True, "-": lambda a, b: a >= b}
"""Any sum, but no difference below 0."""


def draw(operator: Operator, rng: random.Random, part: Part) -> Row:
    """One row in MIB's columns, with a member of each family that the operands have one of.

    Args:
        operator: ``+`` or ``-``.
        rng: Makes every choice.
        part: The part of the data that the row belongs to, settled by the unordered pair of operands. The family
            ``random`` is drawn from the same part; the others change a digit or two, which may lead to another part.
    """
    number = rng.randrange(len(TEMPLATES[operator]))
    template = TEMPLATES[operator][number]
    operands = draw_operands(operator, rng, part)

    def cell(pair: tuple[int, int]) -> dict[str, Any]:
        text = template.format(operand1=pair[0], operand2=pair[1])
        label = pair[0] + SIGNS[operator] * pair[1]
        return {"prompt": text, "label": label, "operand1": pair[0], "operand2": pair[1]}

    members = {name: draw_member(operator, name, operands, rng, part) for name in FAMILIES[operator]}
    base = cell(operands)
    return {
        "idx": 100 * operands[0] + operands[1],
        "template": template,
        **base,
        "label": str(base["label"]),
        "operator": operator,
        "num_digit": 2,
        **{name + SUFFIX: cell(pair) if pair else None for name, pair in members.items()},
    }


def draw_operands(
    operator: Operator, rng: random.Random, part: Part, *, may_ask: MayAsk | None = None
) -> tuple[int, int]:
    """Draw two operands of a part of the data; by default the larger one first where one is taken from the other."""
    allowed = may_ask or MAY_ASK[operator]
    while True:
        a, b = rng.choice(OPERANDS), rng.choice(OPERANDS)
        if allowed(a, b) and part_of("arithmetic", operator, min(a, b), max(a, b)) == part:
            return a, b


def draw_member(
    operator: Operator,
    family: str,
    operands: tuple[int, int],
    rng: random.Random,
    part: Part,
    *,
    may_ask: MayAsk | None = None,
) -> tuple[int, int] | None:
    """Draw the operands of a family's member; none if the family has nothing for these operands."""
    allowed = may_ask or MAY_ASK[operator]
    if family == "random":
        while (pair := draw_operands(operator, rng, part, may_ask=allowed)) == operands:
            pass
        return pair
    found = [pair for pair in _relatives(family, *operands) if allowed(*pair)]
    return rng.choice(found) if found else None


def _relatives(family: str, a: int, b: int) -> Iterator[tuple[int, int]]:
    """All operands that a family may put in the place of two.

    ``ones_op1`` changes the ones digit of the first operand, and so on. ``ones_carry`` changes both ones digits such
    that their sum changes by 10: the answer's ones digit stays and the carry flips; ``tens_carry`` likewise for tens.
    """
    ones, tens = range(10), range(1, 10)
    match family:
        case "ones_op1":
            yield from ((a - a % 10 + digit, b) for digit in ones if digit != a % 10)
        case "ones_op2":
            yield from ((a, b - b % 10 + digit) for digit in ones if digit != b % 10)
        case "tens_op1":
            yield from ((10 * digit + a % 10, b) for digit in tens if digit != a // 10)
        case "tens_op2":
            yield from ((a, 10 * digit + b % 10) for digit in tens if digit != b // 10)
        case "ones_carry":
            wanted = {a % 10 + b % 10 - 10, a % 10 + b % 10 + 10}
            yield from ((a - a % 10 + x, b - b % 10 + y) for x in ones for y in ones if x + y in wanted)
        case _:
            wanted = {a // 10 + b // 10 - 10, a // 10 + b // 10 + 10}
            yield from ((10 * x + a % 10, 10 * y + b % 10) for x in tens for y in tens if x + y in wanted)


def parse(operator: Operator, row: Row) -> Example:
    """An example from a row in MIB's columns.

    Raises:
        FormatError: If a column is missing, or prompt, operands and label do not agree.
    """
    if str(column(row, "operator")) != operator:
        raise FormatError(f"column 'operator' holds {row['operator']!r}; this task is '{operator}'.")
    members = {name: _prompt(operator, row[name + SUFFIX], name + SUFFIX + ".") for name in families_in(row)}
    return Example(_prompt(operator, row, ""), members)


def _prompt(operator: Operator, cell: Row, where: str) -> Prompt:
    text = str(column(cell, "prompt"))
    a, b = (int(column(cell, name, kind=int)) for name in ("operand1", "operand2"))
    label = str(column(cell, "label", kind=(int, str)))
    model = ADDITION_MODEL if operator == "+" else SUBTRACTION_MODEL
    variables = model.run({"op1_tens": a // 10, "op1_ones": a % 10, "op2_tens": b // 10, "op2_ones": b % 10})
    if variables["answer"] != label:
        raise FormatError(f"column '{where}label' holds {label!r}, but {a} {operator} {b} is {variables['answer']}.")
    numbers = [match.span() for match in re.finditer(r"\d+", text)]
    where_1 = next((span for span in numbers if int(text[slice(*span)]) == a), None)
    where_2 = next((span for span in reversed(numbers) if int(text[slice(*span)]) == b and span != where_1), None)
    if where_1 is None or where_2 is None:
        raise FormatError(f"column '{where}prompt' holds {text!r}, without the operands {a} and {b}.")
    return Prompt(text, label, variables, {"op1_last": where_1, "op2_last": where_2})


draw_addition, draw_subtraction = partial(draw, "+"), partial(draw, "-")
parse_addition, parse_subtraction = partial(parse, "+"), partial(parse, "-")


def vocabulary(operator: Operator) -> tuple[str, ...]:
    """All words of generated prompts and answers; a number is one word."""
    numbers = range(199) if operator == "+" else range(100)
    texts = (template.format(operand1="", operand2="") for template in TEMPLATES[operator])
    return vocabulary_of((*texts, *map(str, numbers)))


vocabulary_addition, vocabulary_subtraction = partial(vocabulary, "+"), partial(vocabulary, "-")
