"""From examples to pairs of token ids, or the reason why there is none."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy
from mib.tasks.data_sources import examples_of
from mib.tasks.encoder import Encoder, pad_left
from mib.tasks.example import Example, Prompt
from mib.tasks.pair_selection import Pair, answer_tokens
from mib.tasks.task_definition import TaskDefinition

Data = str | PathLike[str] | Sequence[Example] | None
"""Source of examples: generated (None), ``hub``, a folder in MIB's columns, or the examples themselves."""


@dataclass(frozen=True, eq=False)
class Pairing:
    """How examples of a task become pairs.

    Attributes:
        task: The task.
        encoder: The tokenizer.
        families: The families of counterfactuals to pair each example with.
        prefix: Text to put before answers instead of the task's own space or nothing; None to leave them.
    """

    task: TaskDefinition
    encoder: Encoder
    families: tuple[str, ...]
    prefix: str | None = None

    def examples(self, data: Data, *, split: str, seed: int) -> Iterable[Example]:
        """Examples of a part of the data."""
        return examples_of(self.task, data, split=split, seed=seed)

    def candidates(self, data: Data, *, split: str, seed: int) -> Iterator[Pair | str]:
        """A pair for each example and family, or why there is none."""
        for example in self.examples(data, split=split, seed=seed):
            for family in self.families:
                yield self.pair(example, family)

    def known(self, answers: Iterable[str]) -> list[int]:
        """Tokens of those answers that are one token each, in order."""
        found = [self.encoder.tokens_of(self._spelt(text)) for text in answers]
        return [tokens[0] for tokens in found if len(tokens) == 1]

    def pair(self, example: Example, family: str) -> Pair | str:
        """An example and its counterfactual of a family, or why they are no pair.

        Raises:
            TaskError: If the tokenizer does not know a word of them.
        """
        if family not in example.counterfactuals:
            return f"no counterfactual of family {family}"
        source = example.counterfactuals[family]
        if not example.answer or not self.task.contrast(example, source):
            return "an answer is not known"
        answer, other = self._spelt(example.answer), self._spelt(self.task.contrast(example, source))
        tokens = answer_tokens(self.encoder, answer, other, single=self.task.single_token)
        if isinstance(tokens, str):
            return tokens
        return Pair(
            example=example,
            family=family,
            base=self.encoder.prompt(example.prompt),
            source=self.encoder.prompt(source.text),
            answer=tokens[0],
            other=tokens[1],
            accepted=self.accepted(example.base),
            accepted_source=self.accepted(source),
        )

    def accepted(self, prompt: Prompt) -> tuple[int, ...]:
        """First tokens of all right answers; none where nothing is asked."""
        return tuple(self.encoder.answer(self._spelt(text))[0] for text in prompt.accepted if text)

    def predicted(self, text: str) -> int | str:
        """The first token of an answer that a hypothesis predicts, or why it cannot be one."""
        tokens = self.encoder.tokens_of(self._spelt(text))
        if not tokens:
            return "the prediction is no word of the tokenizer"
        first, *more = tokens
        return "an answer is several tokens" if self.task.single_token and more else first

    def _spelt(self, answer: str) -> str:
        return answer if self.prefix is None else self.prefix + answer.lstrip(" ")


def make_pairing(
    task: TaskDefinition,
    model: Any,
    tokenizer: Any,
    *,
    families: tuple[str | None, ...],
    bos: bool | None,
    answer_prefix: str | None,
) -> Pairing:
    """Say how examples of a task become pairs; the tokenizer is the model's own unless another is given."""
    tokenizer = getattr(model, "tokenizer", None) if tokenizer is None else tokenizer
    names = tuple(task.default_family if name is None else task.check_family(name) for name in families)
    return Pairing(task, Encoder(tokenizer, bos), names, answer_prefix)


def pad_pairs(
    pairs: tuple[Pair, ...], encoder: Encoder, anatomy: Anatomy
) -> tuple[Int[Tensor, "two example position"], Bool[Tensor, "two example position"] | None]:
    """Pad bases and counterfactuals on the left to one length, on the model's device; no mask if none is padded.

    Raises:
        TaskError: If a token is not in the model's vocabulary.
    """
    sides = ([pair.base.ids for pair in pairs], [pair.source.ids for pair in pairs])
    width = max(len(row) for rows in sides for row in rows)
    padding = encoder.padding if encoder.padding < anatomy.n_vocabulary else 0
    made = [pad_left(rows, padding=padding, width=width) for rows in sides]
    device = anatomy.token_embedding.device
    tokens, real = (torch.stack([side[i] for side in made]).to(device) for i in (0, 1))
    answers = max(max(pair.answer, pair.other, *pair.accepted) for pair in pairs)
    for most, size in ((int(tokens.max()), anatomy.n_vocabulary), (answers, anatomy.W_U.shape[1])):
        if most >= size:
            raise TaskError(
                f"the tokenizer makes token {most}; the model has tokens 0 to {size - 1}. Use the model's own "
                "tokenizer."
            )
    return tokens, None if bool(real.all()) else real
