"""Tokens that a vocabulary may hold: those that Tracr can put in an order, and that differ."""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

from groundtruth.errors import DomainError

Token: TypeAlias = int | float | str | bool | tuple[int | float | str, ...]
Tokens: TypeAlias = tuple[Token, ...]

BOS = "compiler_bos"
"""The token that Tracr puts before every input; no vocabulary may contain it."""
PAD = "compiler_pad"
"""The token that fills a batch on the right; no vocabulary may contain it."""


def plain_token(token: Any) -> Any:
    """A token as Python has it: NumPy's numbers, strings and booleans are equal to these, and yet of other types."""
    if isinstance(token, tuple):
        return tuple(map(plain_token, token))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    item = getattr(token, "item", None)
    return item() if callable(item) and getattr(token, "ndim", None) == 0 else token


def spell_tokens(vocab: Tokens) -> str:
    """Tokens in words, for messages."""
    return " ".join(map(str, vocab))


def _kind(token: Any) -> str:
    """The kind of a token; tokens of one kind can be ordered and differ."""
    if isinstance(token, tuple):
        return f"({', '.join(_kind(item) for item in token)})"  # pyright: ignore[reportUnknownVariableType]
    name = "string" if isinstance(token, str) else type(token).__name__
    return "number" if name in ("int", "float") else name


def sort_vocabulary(vocab: Iterable[Token]) -> Tokens:
    """Sort a vocabulary: Tracr orders directions by value, so all must compare and differ.

    Raises:
        DomainError: If they do not, naming what is wrong.
    """
    tokens: Tokens = tuple(map(plain_token, vocab))
    if not tokens:
        raise DomainError("vocab is empty; give at least one token.")
    kinds = {_kind(token).replace("number", type(token).__name__) for token in tokens}
    if len({_kind(token) for token in tokens}) > 1 or not _can_be_token(tokens[0]):
        raise DomainError(
            f"vocab mixes or holds types that Tracr cannot order: {', '.join(sorted(kinds))}. "
            "Use only numbers, only strings, only booleans, or only tuples of one form."
        )
    for token in tokens:
        if isinstance(token, float) and not math.isfinite(token):
            raise DomainError(f"vocab contains {token!r}, which no model can be given as a number. Leave it out.")
    for special in (BOS, PAD):
        if special in tokens:
            raise DomainError(f"vocab contains {special!r}, which Tracr adds itself. Rename that token.")
    # 1 and 1.0 are one token to a dictionary, so that one of them could never be given.
    if len(set(tokens)) < len(tokens):
        twice = next(token for token in tokens if tokens.count(token) > 1)
        raise DomainError(f"vocab contains {twice!r} twice.")
    return tuple(sorted(tokens))


def _can_be_token(token: Any) -> bool:
    if isinstance(token, tuple):
        return bool(token) and all(map(_can_be_token, token))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(token, int | float | str)
