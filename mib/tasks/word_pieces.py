"""How the prompts are spelt, for tokenizers with a closed vocabulary of whole words."""

import re
from collections.abc import Iterable

PIECE = r"\d\d(?=\d\d(?!\d))|\d+|[^\W\d_]+|[^\w\s]"
"""The words of a prompt: a regular expression that ``tokenizers.Regex`` takes too. Spaces part words and are no part of
them, so `` Mary`` and ``Mary`` are one word; a number is one word, but a year of four digits is two, as in GPT-2."""


def pieces(text: str) -> list[str]:
    """The words of a text, in order."""
    return re.findall(PIECE, text)


def vocabulary_of(texts: Iterable[str]) -> tuple[str, ...]:
    """All words of some texts, sorted."""
    return tuple(sorted({piece for text in texts for piece in pieces(text)}))
