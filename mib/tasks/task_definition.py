"""What a task is before any model: its prompts, its counterfactuals and its hypothesis."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from mib.errors import TaskError, did_you_mean
from mib.tasks.data_parts import Part, check_part
from mib.tasks.example import SUFFIX, Example, Prompt, Row
from mib.tasks.hub_data import HubData
from mib.tasks.task_causal_model import CausalModel

Draw = Callable[[random.Random, Part], Row]
"""Generates a row of a part of the data."""

Contrast = Callable[[Example, Prompt], str]
"""The wrong answer that an example's right one is set against, given the counterfactual."""

_PATIENCE = 2000
"""Number of draws in a row that may repeat known prompts before a task counts as exhausted."""


def answer_to_counterfactual(example: Example, counterfactual: Prompt) -> str:
    """The usual contrast."""
    return counterfactual.answer


@dataclass(frozen=True)
class TaskDefinition:
    """A behaviour of language models, with prompts that show it and counterfactuals to set them against.

    Attributes:
        name: Its name.
        description: Its demand on a model, in a line.
        source: Publication that it is from.
        families: The families of counterfactuals, by MIB's names; of a data set on the hub there may be more.
        default_family: The one that MIB's circuit track patches with.
        parse: An example from a row in MIB's columns.
        draw: A row of a part of the data, from a random generator; None if prompts cannot be generated.
        words: All words of drawn prompts and answers; None if ``draw`` is.
        causal_model: The hypothesis; None if it depends on the row (ARC's number of choices).
        variables: The variables of it that MIB's causal-variable track seeks.
        positions: Names of places in the prompts, beside ``last``.
        hub: MIB's data set.
        contrast: The answer that the right one's logit is compared with; default: that to the counterfactual.
        single_token: True if answers must be one token each (arithmetic); else as many as each other, and their
            first ones are compared.
        candidates: All that could be answered, where several answers are right: then the measure is the probability
            of the right ones minus that of the others.
        isolates: True if a prompt asks for something else than a variable (RAVEL).
        prompt_column: Column that the base prompt is in.
    """

    name: str
    description: str
    source: str
    families: tuple[str, ...]
    default_family: str
    parse: Callable[[Row], Example]
    draw: Draw | None = None
    words: Callable[[], tuple[str, ...]] | None = None
    causal_model: CausalModel | None = None
    variables: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    hub: HubData | None = None
    contrast: Contrast = answer_to_counterfactual
    single_token: bool = False
    candidates: tuple[str, ...] = ()
    isolates: Callable[[Prompt, str], bool] | None = None
    prompt_column: str = "prompt"

    def check_family(self, family: str) -> str:
        """A family's name, without MIB's ``_counterfactual``.

        Raises:
            TaskError: If the task has none of that name.
        """
        name = family.removesuffix(SUFFIX)
        if name not in self.families:
            raise TaskError(
                f"task {self.name} has no family '{family}'.{did_you_mean(name, self.families)} "
                f"It has: {', '.join(self.families)}."
            )
        return name

    def stream(self, *, seed: int = 0, split: str = "train", distinct: bool = True) -> Iterator[Row]:
        """Generate rows in MIB's columns, one at a time; the same ones for the same arguments.

        Args:
            seed: Seed of every choice.
            split: ``train``, ``validation`` or ``test``; the parts share no base prompt, whatever the seed.
            distinct: True if every base prompt is another. Then the stream ends when no new ones are found.

        Raises:
            TaskError: If the task cannot be generated.
        """
        part = check_part(split)
        if self.draw is None:
            raise TaskError(
                f"task {self.name} cannot be generated: its questions come from a data set. Give data='hub', or a "
                "local folder."
            )
        return self._stream(self.draw, part, seed, distinct)

    def _stream(self, draw: Draw, part: Part, seed: int, distinct: bool) -> Iterator[Row]:
        rng = random.Random(f"{self.name}/{part}/{seed}")
        known: set[str] = set()
        misses = 0
        while misses < _PATIENCE:
            row = draw(rng, part)
            text = row[self.prompt_column]
            misses = misses + 1 if distinct and text in known else 0
            if not misses:
                known.add(text)
                yield row

    def rows(self, n: int, *, seed: int = 0, split: str = "train", distinct: bool = True) -> list[Row]:
        """The first ``n`` rows of ``stream``; arguments and errors as there.

        Raises:
            TaskError: Also if there are fewer.
        """
        if n < 1:
            raise TaskError(f"n={n}: ask for at least one example.")
        found = list(islice(self.stream(seed=seed, split=split, distinct=distinct), n))
        if len(found) < n:
            raise TaskError(
                f"task {self.name} has only about {len(found)} distinct prompts in its {split} part, not n={n}. "
                "Ask for fewer, or give distinct=False to draw with repeats."
            )
        return found

    def generate(self, n: int, *, seed: int = 0, split: str = "train", distinct: bool = True) -> list[Example]:
        """Generate examples; arguments and errors as of ``rows``."""
        return [self.parse(row) for row in self.rows(n, seed=seed, split=split, distinct=distinct)]

    def vocabulary(self) -> tuple[str, ...]:
        """All words that generated prompts and answers use, as ``mib.tasks.pieces`` parts them.

        Raises:
            TaskError: If the task cannot be generated.
        """
        if self.words is None:
            raise TaskError(f"task {self.name} cannot be generated, so its vocabulary is open.")
        return self.words()
