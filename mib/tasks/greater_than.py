"""Greater-than: ``The war lasted from the year 1732 to the year 17`` -> any of ``33`` to ``99``.

Source: Hanna et al. (2023), https://arxiv.org/abs/2305.00586
"""

import random

from mib.errors import FormatError
from mib.tasks.data_columns import column
from mib.tasks.data_parts import Part, part_of
from mib.tasks.example import Example, Prompt, Row
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_lists import EVENTS
from mib.tasks.word_pieces import vocabulary_of

CENTURIES = tuple(range(11, 18))
YEARS = tuple(range(2, 99))
"""Starting years within a century: 01 is kept for the counterfactual, 99 would have no right answer."""

CANDIDATES = tuple(f"{year:02d}" for year in range(100))
TEMPLATE = "The {event} lasted from the year {century}{year:02d} to the year {century}"
FAMILIES = ("corrupted",)
"""The starting year becomes 01, so that every later year is right."""

CAUSAL_MODEL = CausalModel(
    inputs=("century", "year"),
    mechanisms={"answers": (("year",), lambda year: tuple(f"{later:02d}" for later in range(year + 1, 100)))},
    output="answers",
)


def draw(rng: random.Random, part: Part) -> Row:
    """One row in the columns of MIB's reader: clean, corrupted, year; and an answer, one of the right ones.

    Args:
        rng: Makes every choice.
        part: The part of the data that the row belongs to, settled by event, century and year.
    """
    while True:
        event, century, year = rng.choice(EVENTS), rng.choice(CENTURIES), rng.choice(YEARS)
        if part_of("greater-than", event, century, year) == part:
            break
    answers = CAUSAL_MODEL.run({"century": century, "year": year})["answers"]
    return {
        "clean": TEMPLATE.format(event=event, century=century, year=year),
        "corrupted": TEMPLATE.format(event=event, century=century, year=1),
        "year": f"{century}{year:02d}",
        "answer": rng.choice(answers),
    }


def parse(row: Row) -> Example:
    """An example from a row; where it names no answer, the next year is taken.

    Raises:
        FormatError: If a column is missing or a prompt does not hold its year.
    """
    clean = _prompt(str(column(row, "clean")), "clean", row.get("answer"))
    if clean.text[slice(*clean.spans["start"])] != str(column(row, "year", kind=(str, int))):
        raise FormatError(f"column 'year' holds {row['year']!r}, but the prompt is {clean.text!r}.")
    return Example(clean, {"corrupted": _prompt(str(column(row, "corrupted")), "corrupted", None)})


def _prompt(text: str, where: str, answer: str | None) -> Prompt:
    century = text[-2:]
    start = next((i for i in range(len(text) - 4) if text[i : i + 2] == century and text[i : i + 4].isdigit()), None)
    if start is None or not century.isdigit():
        raise FormatError(f"column '{where}' holds {text!r}; expected a year and, at the end, its century.")
    variables = CAUSAL_MODEL.run({"century": int(century), "year": int(text[start + 2 : start + 4])})
    answers = variables["answers"]
    if not answers:
        raise FormatError(f"column '{where}' holds {text!r}: no year of the century is later.")
    spans = {"start": (start, start + 4), "century": (len(text) - 2, len(text))}
    return Prompt(text, answers[0] if answer is None else answer, variables, spans, answers)


def earlier(example: Example, counterfactual: Prompt) -> str:
    """A wrong answer: the starting year itself."""
    return f"{example.variables['year']:02d}"


def vocabulary() -> tuple[str, ...]:
    """All words of generated prompts and answers; a year of four digits is two words."""
    years = (f"{year:02d}" for year in range(1, 100))
    return vocabulary_of((TEMPLATE.format(event="", century="", year=1), *EVENTS, *map(str, CENTURIES), *years))
