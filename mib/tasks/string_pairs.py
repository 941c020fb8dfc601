"""A task out of strings of one's own: clean and counterfactual prompts, each with its answer."""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mib.errors import TaskError
from mib.tasks.data_parts import PARTS, Part
from mib.tasks.example import Example, Prompt, Row
from mib.tasks.task import Task

OWN = "own"
"""Source of such a task: published nowhere."""

FAMILY = "own"
"""The one family of counterfactuals that such a task has."""

SHARES: Mapping[Part, float] = {"train": 0.4, "validation": 0.2, "test": 0.4}
"""Share of the clean prompts that each part gets."""

StringPair = tuple[str, str, str, str]
"""Clean prompt, counterfactual prompt, answer to the clean one, answer to the counterfactual one."""


def task_of_strings(name: str, pairs: Iterable[StringPair], *, description: str = "strings of one's own") -> Task:
    """Make a task of pairs of prompts; prompts may differ in length, and are padded on the left.

    The metric is the logit of the clean prompt's answer minus that of the counterfactual's, by their first tokens. Two
    fifths of the clean prompts are to find circuits on (``train``), a fifth is ``validation`` and two fifths are to
    measure them on (``test``); a prompt's part follows from all prompts, not from their order.

    Args:
        name: Its name.
        pairs: Clean prompt, counterfactual prompt, the answer to the first and that to the second. Answers are spelt
            as they continue the prompt, with their leading space where there is one.
        description: Its demand on a model, in a line.

    Raises:
        TaskError: If an entry is none of four strings, two pairs have the same clean prompt, or there are fewer than
            five.
    """
    rows = _rows(pairs)
    parts = _parts(rows)

    def draw(rng: random.Random, part: Part) -> Row:
        return rng.choice(parts[part])

    return Task(
        name=name, description=description, source=OWN, families=(FAMILY,), default_family=FAMILY, parse=_example,
        draw=draw,
    )  # fmt: skip


def _rows(pairs: Iterable[StringPair]) -> list[Row]:
    rows: dict[str, Row] = {}
    for place, pair in enumerate(pairs):
        given: tuple[Any, ...] = tuple(pair)  # what a user's file gives may be anything
        if len(given) != 4 or not all(isinstance(text, str) and text for text in given):
            raise TaskError(
                f"pair {place} is {given!r}. Write four strings that are not empty: clean prompt, counterfactual "
                "prompt, answer to the clean prompt, answer to the counterfactual prompt."
            )
        clean, counterfactual, answer, other = pair
        if clean in rows:
            raise TaskError(f"pair {place}: the clean prompt {clean!r} was there before. Give each once.")
        rows[clean] = {"prompt": clean, "counterfactual": counterfactual, "answer": answer, "other": other}
    if len(rows) < 5:
        raise TaskError(f"{len(rows)} pairs are too few: give at least 5, so that every part has one.")
    return list(rows.values())


def _parts(rows: Sequence[Row]) -> dict[Part, list[Row]]:
    """Parts of fixed shares, in an order that has nothing to do with the prompts'."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(row["prompt"].encode()).digest())
    found: dict[Part, list[Row]] = {}
    start, share = 0, 0.0
    for part in PARTS:
        share += SHARES[part]
        end = len(ordered) if part == PARTS[-1] else round(share * len(ordered))
        found[part], start = ordered[start:end], end
    return found


def _example(row: Row) -> Example:
    return Example(Prompt(row["prompt"], row["answer"]), {FAMILY: Prompt(row["counterfactual"], row["other"])})
