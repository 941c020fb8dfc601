"""Which pairs of prompts a model can be measured on, and why others are left out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.errors import TaskError, did_you_mean
from mib.models.adapters.anatomy import Anatomy
from mib.tasks.encoder import Encoder, Encoding, pad_left
from mib.tasks.example import Example, Prompt

RightOn = Literal["any", "base", "both"]
"""Prompts on which the model must be right: on no prompt in particular, on the base, on base and counterfactual."""

WASTE, ENOUGH = 20, 200
"""Number of pairs tried for each that is wanted, at most, and number tried in any case."""

_BATCH = 64

SEVERAL_TOKENS = "an answer is several tokens"
OTHER_LENGTHS = "the answers differ in their number of tokens"
SAME_TOKEN = "the answers begin with the same token"
ANSWERS = {SEVERAL_TOKENS, OTHER_LENGTHS, SAME_TOKEN}
"""Reasons to leave a pair out that lie in how a tokenizer splits its answers."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A prompt and a counterfactual, as token ids.

    Attributes:
        example: Example that the prompt belongs to.
        family: Family of the counterfactual.
        base: Tokens of the prompt.
        source: Tokens of the counterfactual.
        answer: First token of the answer.
        other: First token of the answer that it is set against.
        accepted: First tokens of all right answers to the prompt.
        accepted_source: The same to the counterfactual; none where it asks for nothing.
    """

    example: Example
    family: str
    base: Encoding
    source: Encoding
    answer: int
    other: int
    accepted: tuple[int, ...]
    accepted_source: tuple[int, ...]

    @property
    def counterfactual(self) -> Prompt:
        """The counterfactual prompt."""
        return self.example.counterfactuals[self.family]


@dataclass(frozen=True, eq=False)
class Selection:
    """Pairs, and what became of those that are not among them.

    Attributes:
        pairs: Pairs that were kept.
        left_out: Number of pairs that were not, by reason.
    """

    pairs: tuple[Pair, ...]
    left_out: dict[str, int]

    def __str__(self) -> str:
        reasons = "".join(f"; {count} left out: {reason}" for reason, count in self.left_out.items())
        return f"{len(self.pairs)} pairs{reasons}"


def check_right_on(name: str) -> RightOn:
    """A kind of filter, by name.

    Raises:
        TaskError: If there is none of that name.
    """
    known: tuple[RightOn, ...] = get_args(RightOn)
    if name not in known:
        raise TaskError(f"unknown right_on '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}.")
    return name


def answer_tokens(encoder: Encoder, answer: str, other: str, *, single: bool) -> tuple[int, int] | str:
    """The first tokens of two answers, or why the two cannot be told apart by them, by MIB's rules.

    Args:
        encoder: The tokenizer.
        answer: The right answer.
        other: The answer that it is set against.
        single: True if answers must be one token each (arithmetic); else as many as each other.
    """
    one, two = encoder.answer(answer), encoder.answer(other)
    if single and max(len(one), len(two)) > 1:
        return SEVERAL_TOKENS
    if len(one) != len(two):
        return OTHER_LENGTHS
    if one[0] == two[0]:
        return SAME_TOKEN
    return one[0], two[0]


@torch.no_grad()
def last_logits(
    anatomy: Anatomy, tokens: Int[Tensor, "example position"], mask: Bool[Tensor, "example position"] | None
) -> Float[Tensor, "example output"]:
    """The plain forward pass, at the last position alone."""
    context = anatomy.context(tokens, mask)
    stream = anatomy.embed(tokens) + anatomy.position(tokens, mask)
    for layer in range(anatomy.n_layers):
        stream = anatomy.layer(layer, stream, context)
    return anatomy.unembed(stream[:, -1:])[:, 0]


def right(
    anatomy: Anatomy, prompts: Sequence[Encoding], accepted: Sequence[Sequence[int]], *, padding: int
) -> list[bool]:
    """Tell whether the model's likeliest token is one that begins a right answer, for each prompt.

    Args:
        anatomy: The model.
        prompts: Prompts that the model reads.
        accepted: First tokens of the right answers of each; none where nothing is asked, which counts as right.
        padding: The token to fill up with.
    """
    device, found = anatomy.token_embedding.device, list[bool]()
    for start in range(0, len(prompts), _BATCH):
        rows = [prompt.ids for prompt in prompts[start : start + _BATCH]]
        tokens, real = pad_left(rows, padding=padding, width=max(map(len, rows)))
        mask = None if bool(real.all()) else real.to(device)
        said = last_logits(anatomy, tokens.to(device), mask).argmax(-1).tolist()
        found += [not ok or token in ok for token, ok in zip(said, accepted[start : start + _BATCH], strict=True)]
    return found


def select(
    candidates: Iterable[Pair | str],
    anatomy: Anatomy,
    *,
    padding: int,
    n: int | None,
    right_on: RightOn,
    task: str,
) -> Selection:
    """The first pairs that can be used, and of which the model is right where it must be.

    Args:
        candidates: Pairs, or why there is none.
        anatomy: The model.
        padding: The token to fill up with.
        n: Number of pairs; None for all that there are.
        right_on: Prompts on which the model must be right.
        task: Its name, for errors.

    Raises:
        TaskError: If there are none, or fewer than ``n``, with the reasons.
    """
    kept, left_out = list[Pair](), Counter[str]()
    tried = islice(_judged(candidates, anatomy, padding, right_on), None if n is None else max(ENOUGH, WASTE * n))
    for found in tried:
        if isinstance(found, str):
            left_out[found] += 1
        else:
            kept.append(found)
        if len(kept) == n:
            break
    selection = Selection(tuple(kept), dict(left_out))
    if not kept or (n is not None and len(kept) < n):
        raise TaskError(
            f"task {task}: of {len(kept) + left_out.total()} pairs tried, {selection}; wanted {n or 'at least one'}. "
            f"{_advice(left_out, len(kept))}"
        )
    return selection


def _advice(left_out: Counter[str], n_kept: int) -> str:
    """Return what to do about too few pairs, by why they were left out."""
    if any("the model is wrong" in reason for reason in left_out):
        return "The model may not be able to do the task; right_on='any' asks it nothing."
    if n_kept:
        return "Ask for fewer."
    if not left_out:
        return "There is no example at all: look at the data and its split."
    if {*left_out} & ANSWERS:
        return (
            "No pair is usable, however few are asked for: this tokenizer does not tell the task's answers apart by "
            "their first tokens. Try another answer_prefix, such as '', or another task."
        )
    return "No pair is usable, however few are asked for: give other data, or name another family."


def _judged(
    candidates: Iterable[Pair | str], anatomy: Anatomy, padding: int, right_on: RightOn
) -> Iterator[Pair | str]:
    """The candidates in order; where the model is wrong, that instead."""
    stream = iter(candidates)
    while block := list(islice(stream, _BATCH)):
        usable = [found for found in block if isinstance(found, Pair)]
        wrong = dict(zip(usable, _wrong(usable, anatomy, padding, right_on), strict=True))
        yield from (found if isinstance(found, str) else wrong[found] or found for found in block)


def _wrong(pairs: Sequence[Pair], anatomy: Anatomy, padding: int, right_on: RightOn) -> list[str]:
    """Return why each pair must go, or nothing."""
    reasons = ["" for _ in pairs]
    if right_on == "any" or not pairs:
        return reasons
    bases = right(anatomy, [pair.base for pair in pairs], [pair.accepted for pair in pairs], padding=padding)
    sources = [True] * len(pairs)
    if right_on == "both":
        asked = [pair.accepted_source for pair in pairs]
        sources = right(anatomy, [pair.source for pair in pairs], asked, padding=padding)
    wrong = {True: "the model is wrong on the counterfactual", False: "the model is wrong on the base"}
    return ["" if ok and ok_source else wrong[ok] for ok, ok_source in zip(bases, sources, strict=True)]
