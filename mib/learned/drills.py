"""Sequences of random words that can only be continued by looking up what came before: practice for attention.

A batch of prompts asks for one word each, which is little to learn from how to look something up. These ask for one at
every place where what came before settles it.

Source: repeated random sequences as the mark of induction heads, Olsson et al. (2022), https://arxiv.org/abs/2209.11895;
associative recall as practice, Arora et al. (2023), https://arxiv.org/abs/2312.04927.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

LONGEST = 12
"""Most words that a sequence repeats."""

N_PAIRS = 4
"""Words with a label in a sequence, as many as a multiple choice has."""


@dataclass(frozen=True, eq=False)
class Drill:
    """Sequences of one kind.

    Attributes:
        tokens: Token ids, without padding, [sequence, position].
        asked: True where the next token is asked for, [sequence, position]; never at the last.
    """

    tokens: Int[Tensor, "sequence position"]
    asked: Bool[Tensor, "sequence position"]

    @property
    def answers(self) -> Int[Tensor, "answer"]:
        """The right token of each place that is asked, in the order of ``asked``."""
        return self.tokens[:, 1:][self.asked[:, :-1]]


def copying(words: Int[Tensor, "word"], begin: int, n: int, generator: torch.Generator) -> Drill:
    """``a b c a b c``: each word of the second half but the first is asked for.

    Args:
        words: Ids of the words to draw from.
        begin: Id of the token that begins a sequence.
        n: Number of sequences, all of one length, which is drawn.
        generator: Makes every draw.
    """
    length = int(torch.randint(4, LONGEST + 1, (1,), generator=generator))
    half = _distinct(words, n, length, generator)
    tokens = torch.cat([torch.full((n, 1), begin), half, half], dim=1)
    asked = torch.zeros(tokens.shape, dtype=torch.bool)
    asked[:, length + 1 : -1] = True
    return Drill(tokens, asked)


def recalling(
    words: Int[Tensor, "word"], labels: Int[Tensor, "label"], stop: int, begin: int, n: int, generator: torch.Generator
) -> Drill:
    """``A. red B. blue blue B red A``: after each word of the second part its label is asked for.

    Args:
        words: Ids of the words to draw from.
        labels: Ids of the labels to draw from, in order or not.
        stop: Id of the token between a label and its word.
        begin: Id of the token that begins a sequence.
        n: Number of sequences.
        generator: Makes every draw.
    """
    chosen, marks = _distinct(words, n, N_PAIRS, generator), _distinct(labels, n, N_PAIRS, generator)
    order = torch.rand(n, N_PAIRS, generator=generator).argsort(dim=1)
    first = torch.stack([marks, torch.full_like(marks, stop), chosen], dim=2).flatten(1)
    second = torch.stack([chosen.gather(1, order), marks.gather(1, order)], dim=2).flatten(1)
    tokens = torch.cat([torch.full((n, 1), begin), first, second], dim=1)
    asked = torch.zeros(tokens.shape, dtype=torch.bool)
    asked[:, 1 + first.shape[1] :: 2] = True
    return Drill(tokens, asked)


def _distinct(words: Int[Tensor, "word"], n: int, length: int, generator: torch.Generator) -> Int[Tensor, "n length"]:
    """Draw so many different words in each of some rows."""
    return words[torch.rand(n, len(words), generator=generator).argsort(dim=1)[:, :length]]
