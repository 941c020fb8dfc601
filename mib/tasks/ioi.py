"""Indirect object identification: ``When Mary and John went to the store, John gave a drink to`` -> `` Mary``.

Source: Wang et al. (2022), https://arxiv.org/abs/2211.00593; the families of counterfactuals are those of MIB,
https://arxiv.org/abs/2504.13151.
"""

import random
import re
from dataclasses import dataclass
from typing import Any

from mib.errors import FormatError
from mib.tasks.data_columns import chosen, column, families_in
from mib.tasks.data_parts import Part, part_of
from mib.tasks.example import SUFFIX, Example, Prompt, Row, Span
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_lists import NAMES, OBJECTS, PLACES
from mib.tasks.word_pieces import vocabulary_of

TEMPLATES = (
    "When {name_A} and {name_B} went to the {place}, {name_C} gave a {object} to",
    "Then, {name_A} and {name_B} went to the {place}. {name_C} gave a {object} to",
    "While {name_A} and {name_B} were working at the {place}, {name_C} gave a {object} to",
    "After {name_A} and {name_B} met at the {place}, {name_C} handed a {object} to",
    "Friends {name_A} and {name_B} found a {object} at the {place}. {name_C} gave it to",
    "The {place} {name_A} and {name_B} went to had a {object}. {name_C} gave it to",
    "Yesterday {name_A} and {name_B} had a long day at the {place}, and {name_C} offered a {object} to",
    "When {name_A} and {name_B} got a {object} at the {place}, {name_C} decided to give it to",
)
"""The first two names come in either order, so each template serves ABBA and BABA."""

FAMILIES = (
    "abc",
    "random_names",
    "s1_io_flip",
    "s2_io_flip",
    "random_names_s1_ioi_flip",
    "random_names_s2_ioi_flip",
    "s1_ioi_flip_s2_ioi_flip",
    "random_names_s1_ioi_flip_s2_ioi_flip",
)


def _other_name(name_A: str, name_B: str, name_C: str) -> str:
    """The name that the last one does not repeat; where it repeats neither (family abc), the first."""
    return name_B if name_C == name_A else name_A


def _other_position(name_A: str, name_B: str, name_C: str) -> int:
    return 1 if name_C == name_A else 0


CAUSAL_MODEL = CausalModel(
    inputs=("name_A", "name_B", "name_C"),
    mechanisms={
        "output_token": (("name_A", "name_B", "name_C"), _other_name),
        "output_position": (("name_A", "name_B", "name_C"), _other_position),
        "answer": (("output_token",), lambda token: f" {token}"),
    },
    output="answer",
)
"""MIB's two variables: which name is the answer, and whether it came first (0) or second (1)."""


def draw(rng: random.Random, part: Part) -> Row:
    """One row in MIB's columns, with a member of each family.

    Args:
        rng: Makes every choice.
        part: The part of the data that the row and its counterfactuals belong to. The part is settled by template,
            place, object and the unordered pair of names, which the flips leave as they are.
    """
    while True:
        scene = _Scene(rng.choice(TEMPLATES), rng.choice(PLACES), rng.choice(OBJECTS))
        first, second = scene.pair(rng, part)
        if first:
            break
    random_a, random_b = "", ""
    while not random_a or {random_a, random_b} & {first, second}:
        random_a, random_b = scene.pair(rng, part)
    random_c = rng.choice([name for name in NAMES if name not in (first, second, random_a, random_b)])
    subject = rng.choice((first, second))
    other = second if subject == first else first
    stand_ins = (random_a, random_b) if subject == first else (random_b, random_a)  # the subject's first
    plain, s1, s2, both = scene.flips(first, second, subject, other)
    random_plain, random_s1, random_s2, random_both = scene.flips(random_a, random_b, *stand_ins)
    abc = scene.cell(random_a, random_b, random_c)
    members = (abc, random_plain, s1, s2, random_s1, random_s2, both, random_both)
    return {
        "template": scene.template,
        "metadata": {
            "indirect_object": other, "subject": subject, "object": scene.thing, "place": scene.place,
            "random_a": random_a, "random_b": random_b, "random_c": random_c,
        },
        **plain,
        **{name + SUFFIX: member for name, member in zip(FAMILIES, members, strict=True)},
    }  # fmt: skip


@dataclass(frozen=True)
class _Scene:
    """All of a prompt but its names."""

    template: str
    place: str
    thing: str

    def pair(self, rng: random.Random, part: Part) -> tuple[str, str]:
        """Two names, in random order, such that the prompt belongs to the part; empty if a few tries find none."""
        for _ in range(200):
            first, second = rng.sample(NAMES, 2)
            if part_of("ioi", self.template, self.place, self.thing, *sorted((first, second))) == part:
                return first, second
        return "", ""

    def cell(self, name_A: str, name_B: str, name_C: str) -> dict[str, Any]:
        """The prompt with its names, in MIB's columns."""
        names = {"name_A": name_A, "name_B": name_B, "name_C": name_C}
        text = self.template.format(**names, place=self.place, object=self.thing)
        return {"prompt": text, "choices": [name_A, name_B], "answerKey": _other_position(name_A, name_B, name_C)}

    def flips(self, first: str, second: str, subject: str, other: str) -> list[dict[str, Any]]:
        """The prompt as it is, with the first two names swapped, with the other subject, and with both."""
        orders = ((first, second, subject), (second, first, subject), (first, second, other), (second, first, other))
        return [self.cell(*order) for order in orders]


def parse(row: Row) -> Example:
    """An example from a row in MIB's columns.

    Raises:
        FormatError: If a column is missing, or the names do not stand in the prompt.
    """
    metadata = column(row, "metadata", kind=dict)
    names = {str(metadata[key]) for key in metadata if key not in ("object", "place") and metadata[key]}
    return Example(_prompt(row, names), {name: _prompt(row[name + SUFFIX], names, name) for name in families_in(row)})


def _prompt(cell: Row, names: set[str], family: str = "") -> Prompt:
    where = f"{family}{SUFFIX}." if family else ""
    text = str(column(cell, "prompt"))
    choices = column(cell, "choices", kind=list)
    answer = chosen(choices, column(cell, "answerKey", kind=int), where=f"{where}answerKey")
    found = _occurrences(text, names | {str(choice) for choice in choices})
    order = list(dict.fromkeys(text[start:end] for start, end in found))
    if len(order) < 2 or len(found) < 3:
        raise FormatError(f"column '{where}prompt' holds {text!r}, in which fewer than two of the names stand.")
    name_A, name_B, name_C = order[0], order[1], text[slice(*found[-1])]
    variables = CAUSAL_MODEL.run({"name_A": name_A, "name_B": name_B, "name_C": name_C})
    accepted = () if name_C in order[:2] else (f" {name_A}", f" {name_B}")  # family abc: either name will do
    return Prompt(text, f" {answer}", variables, _spans(text, found, name_A, name_B), accepted)


def _occurrences(text: str, names: set[str]) -> list[Span]:
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return [match.span() for match in re.finditer(rf"\b(?:{pattern})\b", text)]


def _spans(text: str, found: list[Span], name_A: str, name_B: str) -> dict[str, Span]:
    """IO, S1 and S2, as in the paper; name_A to name_C by order."""
    firsts = {name: next(span for span in found if text[slice(*span)] == name) for name in (name_A, name_B)}
    spans = {"name_A": firsts[name_A], "name_B": firsts[name_B], "name_C": found[-1]}
    last = text[slice(*found[-1])]
    if last in firsts:
        other = name_B if last == name_A else name_A
        spans |= {"IO": firsts[other], "S1": firsts[last], "S2": found[-1]}
    return spans


def subject(example: Example, counterfactual: Prompt) -> str:
    """Give what MIB sets the answer against, whatever the family: the name that is not it."""
    names = {example.variables["name_A"], example.variables["name_B"]}
    return next(f" {name}" for name in sorted(names) if f" {name}" != example.answer)


def vocabulary() -> tuple[str, ...]:
    """All words of generated prompts and answers."""
    blank = {key: "" for key in ("name_A", "name_B", "name_C", "place", "object")}
    return vocabulary_of((*(template.format(**blank) for template in TEMPLATES), *NAMES, *PLACES, *OBJECTS))
