"""Multiple choice with four answers, one of which repeats a colour from the question; and what ARC shares with it.

Source: Wiegreffe et al. (2024), https://arxiv.org/abs/2407.15018; the families of counterfactuals are those of MIB,
https://arxiv.org/abs/2504.13151.
"""

import random
import re
import string
from collections.abc import Sequence
from typing import Any

from mib.errors import FormatError
from mib.tasks.data_columns import chosen, column, families_in
from mib.tasks.data_parts import Part, part_of
from mib.tasks.example import SUFFIX, Example, Prompt, Row, Span
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_lists import COLORS, THINGS
from mib.tasks.word_pieces import vocabulary_of

N_CHOICES = 4
LETTERS, DIGITS = tuple(string.ascii_uppercase), tuple(string.digits[1 : N_CHOICES + 1])
QUESTION = "The {noun} is {color}. What color is the {noun}?"
FAMILIES = ("symbol", "answerPosition", "randomLetter", "answerPosition_randomLetter")
"""``symbol``: numbers for letters; ``answerPosition``: the right colour elsewhere, the letters as they were;
``randomLetter``: other letters, the colours as they were; the last one: both."""


CAUSAL_MODEL = CausalModel(
    inputs=("answer_key", "symbols"),
    mechanisms={
        "answer_pointer": (("answer_key",), lambda key: key),
        "answer": (("answer_pointer", "symbols"), lambda pointer, symbols: f" {symbols[pointer]}"),
    },
    output="answer",
)
"""MIB's two variables: the place of the right choice, and its symbol, which is the answer."""


def draw(rng: random.Random, part: Part) -> Row:
    """One row in MIB's columns, with a member of each family.

    Args:
        rng: Makes every choice.
        part: The part of the data that the row and its counterfactuals belong to, settled by the thing, its colour
            and the set of colours to choose from.
    """
    while True:
        noun, colors = rng.choice(THINGS), rng.sample(COLORS, N_CHOICES)
        key = rng.randrange(N_CHOICES)
        if part_of("mcqa", noun, colors[key], *sorted(colors)) == part:
            break
    question = QUESTION.format(noun=noun, color=colors[key])

    def cell(labels: Sequence[str], texts: Sequence[str], key: int) -> dict[str, Any]:
        lines = [f"Question: {question}", *(f"{a}. {b}" for a, b in zip(labels, texts, strict=True)), "Answer:"]
        return {"prompt": "\n".join(lines), "choices": {"label": [*labels], "text": [*texts]}, "answerKey": key}

    letters = LETTERS[:N_CHOICES]
    moved, there = _moved(rng, colors, key), rng.sample(LETTERS[N_CHOICES:], N_CHOICES)
    return {
        "question": question,
        **cell(letters, colors, key),
        "symbol" + SUFFIX: cell(DIGITS, colors, key),
        "answerPosition" + SUFFIX: cell(letters, *moved),
        "randomLetter" + SUFFIX: cell(there, colors, key),
        "answerPosition_randomLetter" + SUFFIX: cell(there, *moved),
    }


def _moved(rng: random.Random, texts: Sequence[str], key: int) -> tuple[list[str], int]:
    """The right choice and another one, swapped."""
    other = rng.choice([place for place in range(len(texts)) if place != key])
    swapped = [*texts]
    swapped[key], swapped[other] = texts[other], texts[key]
    return swapped, other


def parse(row: Row) -> Example:
    """An example from a row in MIB's columns.

    Raises:
        FormatError: If a column is missing, or the choices do not stand in the prompt.
    """
    return Example(
        prompt_of(row, ""), {name: prompt_of(row[name + SUFFIX], f"{name}{SUFFIX}.") for name in families_in(row)}
    )


def prompt_of(cell: Row, where: str) -> Prompt:
    """The prompt of a multiple-choice question; ``correct_symbol`` is the right choice's label, where it is listed.

    Args:
        cell: Columns prompt, choices (label, text) and answerKey.
        where: Name of the cell in an error.

    Raises:
        FormatError: If a column is missing, or the choices do not stand in the prompt.
    """
    text = str(column(cell, "prompt"))
    labels = [str(label) for label in column(cell, "choices", "label", kind=list)]
    key = int(column(cell, "answerKey", kind=int))
    symbol = chosen(labels, key, where=f"{where}answerKey")
    spans = {f"symbol{i}": _label_span(text, label, where) for i, label in enumerate(labels)}
    start, end = spans[f"symbol{key}"]
    spans |= {"correct_symbol": (start, end), "correct_symbol_period": (end, end + 1)}
    return Prompt(text, f" {symbol}", CAUSAL_MODEL.run({"answer_key": key, "symbols": tuple(labels)}), spans)


def _label_span(text: str, label: str, where: str) -> Span:
    match = re.search(rf"^\s*({re.escape(label)})\.", text, re.MULTILINE)
    if match is None:
        raise FormatError(f"column '{where}prompt' holds {text!r}, without a line that begins with '{label}.'.")
    return match.span(1)


def vocabulary() -> tuple[str, ...]:
    """All words of generated prompts and answers."""
    fixed = ("Question: Answer:", QUESTION.format(noun="", color=""))
    return vocabulary_of((*fixed, *THINGS, *COLORS, *LETTERS, *DIGITS))
