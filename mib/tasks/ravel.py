"""RAVEL: which country, continent or language a city goes with; swap one of them and leave the others.

Source: Huang et al. (2024), https://arxiv.org/abs/2402.17700; the families of counterfactuals are those of MIB,
https://arxiv.org/abs/2504.13151. The cities and templates here are our own; MIB's are on the hub.
"""

import random
from types import NoneType
from typing import Any

from mib.errors import FormatError
from mib.tasks.cities import CITIES
from mib.tasks.data_columns import column, families_in
from mib.tasks.data_parts import Part, part_of
from mib.tasks.example import SUFFIX, Example, Prompt, Row
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_pieces import vocabulary_of

ATTRIBUTES = ("Country", "Continent", "Language")
WIKIPEDIA = "wikipedia"
"""MIB's name of the attribute of prompts that ask for nothing."""

TEMPLATES: dict[str, tuple[str, ...]] = {
    "Country": (
        "Toronto is a city in the country of Canada. {city} is a city in the country of",
        "city: Toronto, country: Canada. city: {city}, country:",
        "People in {city} live in the country of",
    ),
    "Continent": (
        "Toronto is on the continent of North America. {city} is on the continent of",
        "city: Toronto, continent: North America. city: {city}, continent:",
        "The city of {city} lies on the continent of",
    ),
    "Language": (
        "Most people in Toronto speak English. Most people in {city} speak",
        "city: Toronto, language: English. city: {city}, language:",
        "The main language in the city of {city} is",
    ),
}
NEUTRAL = (
    "The train to {city} leaves in the morning",
    "Last year a new bridge was built in {city}",
    "She wrote a long letter about her time in {city}",
)
"""Sentences that name a city and ask for nothing."""

FAMILIES = ("prompt_template", "attribute", "wikipedia")
"""``prompt_template``: the same city and attribute, asked otherwise; ``attribute``: another city, and whichever
attribute; ``wikipedia``: another city in a sentence that asks for nothing."""


def _spelt(value: str) -> str:
    """An attribute's value as an answer; nothing where it is not known."""
    return f" {value}" if value else ""


CAUSAL_MODEL = CausalModel(
    inputs=("attribute", *ATTRIBUTES),
    mechanisms={
        "answer": (
            ("attribute", *ATTRIBUTES),
            lambda asked, *values: _spelt(dict(zip(ATTRIBUTES, values, strict=True)).get(asked, "")),
        )
    },
    output="answer",
)


def draw(rng: random.Random, part: Part) -> Row:
    """One row in MIB's columns, with a member of each family.

    Args:
        rng: Makes every choice.
        part: The part of the data that the row belongs to, settled by city, attribute and template; what the
            counterfactuals ask may belong to another.
    """
    while True:
        city, asked = rng.choice(CITIES), rng.choice(ATTRIBUTES)
        template = rng.choice(TEMPLATES[asked])
        if part_of("ravel", city[0], template) == part:
            break
    other = rng.choice([entry for entry in CITIES if entry[0] != city[0]])
    other_template = rng.choice([text for text in TEMPLATES[asked] if text != template])
    other_asked = rng.choice(ATTRIBUTES)
    return {
        **_cell(template, city, asked),
        "prompt_template" + SUFFIX: _cell(other_template, city, asked),
        "attribute" + SUFFIX: _cell(rng.choice(TEMPLATES[other_asked]), other, other_asked),
        "wikipedia" + SUFFIX: _cell(rng.choice(NEUTRAL), other, WIKIPEDIA),
    }


def _cell(template: str, city: tuple[str, str, str, str], asked: str) -> dict[str, Any]:
    values = dict(zip(ATTRIBUTES, city[1:], strict=True))
    return {
        "template": template, "prompt": template.format(city=city[0]), "entity": city[0], "attribute": asked, **values
    }  # fmt: skip


def parse(row: Row) -> Example:
    """An example from a row in MIB's columns.

    Raises:
        FormatError: If a column is missing, or the city does not stand in the prompt.
    """
    members = {name: _prompt(row[name + SUFFIX], name + SUFFIX + ".") for name in families_in(row)}
    return Example(_prompt(row, ""), members)


def _prompt(cell: Row, where: str) -> Prompt:
    text, city, asked = (str(column(cell, name)) for name in ("prompt", "entity", "attribute"))
    if asked not in (*ATTRIBUTES, WIKIPEDIA):
        known = ", ".join((*ATTRIBUTES, WIKIPEDIA))
        raise FormatError(f"column '{where}attribute' holds {asked!r}; expected one of {known}.")
    start = text.rfind(city)
    if start < 0 or not city:
        raise FormatError(f"column '{where}prompt' holds {text!r}, without the city {city!r}.")
    known = {name: column(cell, name, kind=(str, NoneType)) or "" for name in ATTRIBUTES}  # MIB's data have gaps
    variables = CAUSAL_MODEL.run({"attribute": asked, **known})
    return Prompt(text, variables["answer"], variables, {"entity_last_token": (start, start + len(city))})


def of_source_city(example: Example, counterfactual: Prompt) -> str:
    """Give what the base's question would be answered for the counterfactual's city."""
    return _spelt(counterfactual.variables[example.variables["attribute"]])


def asks_for_another(base: Prompt, variable: str) -> bool:
    """Tell whether the base asks for something else than a variable: an isolation pair."""
    return base.variables["attribute"] != variable


def vocabulary() -> tuple[str, ...]:
    """All words of generated prompts and answers."""
    texts = (text.format(city="") for group in (*TEMPLATES.values(), NEUTRAL) for text in group)
    return vocabulary_of((*texts, *(word for city in CITIES for word in city)))
