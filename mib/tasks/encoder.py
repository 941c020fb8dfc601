"""From texts to token ids: where answers begin, where named things stand, and padding on the left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mib.errors import TaskError, did_you_mean, shorten
from mib.tasks.example import Prompt

LAST = ("last", "last_token")
"""Names of a prompt's last position; MIB uses both."""


@dataclass(frozen=True)
class Encoding:
    """A prompt as token ids.

    Attributes:
        ids: Token ids, with the beginning-of-sequence token where there is one.
        offsets: The characters of each token, (first, one after the last); (0, 0) for special tokens.
    """

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Encoder:
    """A tokenizer, held to what the tasks need of it.

    Attributes:
        tokenizer: A fast tokenizer of ``transformers`` (one that knows which characters a token stands for).
        bos: True if prompts begin with the beginning-of-sequence token; None: if the tokenizer has one, as in
            TransformerLens. Never twice, whatever the tokenizer adds by itself.
    """

    tokenizer: Any
    bos: bool | None = None

    def __post_init__(self) -> None:
        if self.tokenizer is None:
            raise TaskError("tokenizer=None: pass the model's tokenizer.")
        if not getattr(self.tokenizer, "is_fast", False):
            raise TaskError(
                f"tokenizer is a {type(self.tokenizer).__name__}, which does not say where its tokens stand in the "
                "text. Load the fast one: AutoTokenizer.from_pretrained(..., use_fast=True)."
            )
        if self.bos and self.tokenizer.bos_token_id is None:
            raise TaskError("bos=True, but the tokenizer has no beginning-of-sequence token. Use bos=None.")

    @cached_property
    def start(self) -> tuple[int, ...]:
        """Give what prompts begin with: the beginning-of-sequence token, or nothing."""
        token = self.tokenizer.bos_token_id
        return () if token is None or self.bos is False else (int(token),)

    @cached_property
    def padding(self) -> int:
        """Give what shorter prompts are filled up with; attention skips it."""
        tokenizer = self.tokenizer
        found = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, 0)
        return next(int(token) for token in found if token is not None)

    def prompt(self, text: str) -> Encoding:
        """A prompt as token ids.

        Raises:
            TaskError: If a word is unknown to the tokenizer, or the text becomes no token.
        """
        ids, offsets = self._tokens(text, "prompt")
        return Encoding((*self.start, *ids), (*((0, 0) for _ in self.start), *offsets))

    def answer(self, text: str) -> tuple[int, ...]:
        """An answer as token ids, tokenized by itself, as MIB does.

        Raises:
            TaskError: If a word is unknown to the tokenizer, or the text becomes no token.
        """
        if text not in self._answers:
            self._answers[text] = self._tokens(text, "answer")[0]
        return self._answers[text]

    @cached_property
    def _answers(self) -> dict[str, tuple[int, ...]]:
        """Answers that were tokenized before: most prompts share theirs with others."""
        return {}

    def tokens_of(self, text: str) -> tuple[int, ...]:
        """A text as token ids; none if a word is unknown."""
        ids: tuple[int, ...] = tuple(
            int(token) for token in self.tokenizer(text, add_special_tokens=False)["input_ids"]
        )
        return () if self.tokenizer.unk_token_id in ids else ids

    def _tokens(self, text: str, what: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = tuple(int(token) for token in found["input_ids"])
        offsets = tuple((int(first), int(end)) for first, end in found["offset_mapping"])
        if not ids:
            raise TaskError(f"the {what} {text!r} becomes no token at all: this tokenizer is not of this task.")
        unknown = [text[slice(*offsets[i])] for i, token in enumerate(ids) if token == self.tokenizer.unk_token_id]
        if unknown:
            raise TaskError(
                f"the tokenizer has no token for {shorten(unknown)} in the {what} {text!r}; it would read "
                f"{self.tokenizer.unk_token!r}. Use the model's own tokenizer, or a task spelt in its vocabulary "
                "(task.vocabulary())."
            )
        return ids, offsets


def place_of(prompt: Prompt, encoding: Encoding, name: str) -> int:
    """The position of a named thing: that of its last token, as in MIB; a negative number, from the end.

    Args:
        prompt: The prompt.
        encoding: Its tokens.
        name: ``last``, ``last_token`` or a name in ``prompt.spans``.

    Raises:
        TaskError: If the prompt has no such thing.
    """
    if name in LAST:
        return -1
    if name not in prompt.spans:
        known = (*LAST, *prompt.spans)
        raise TaskError(
            f"no position '{name}' in {prompt.text!r}.{did_you_mean(name, known)} Known: {', '.join(known)}, all."
        )
    first, end = prompt.spans[name]
    inside = [i for i, (a, b) in enumerate(encoding.offsets) if a < end and b > first]
    if not inside:
        raise TaskError(f"no token of {prompt.text!r} covers its '{name}', {prompt.text[first:end]!r}.")
    return inside[-1] - len(encoding.ids)


def pad_left(
    rows: Sequence[Sequence[int]], *, padding: int, width: int
) -> tuple[Int[Tensor, "example position"], Bool[Tensor, "example position"]]:
    """Token ids of one length, and where they are real.

    Args:
        rows: Token ids of each prompt.
        padding: Token to fill up with, on the left.
        width: The length; at least that of the longest.
    """
    tokens = torch.tensor([[padding] * (width - len(row)) + [*row] for row in rows])
    real = torch.tensor([[False] * (width - len(row)) + [True] * len(row) for row in rows])
    return tokens, real
