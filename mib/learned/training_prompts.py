"""Prompts as the learned model is trained on them: token ids, where the answer is asked, and what is accepted."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mib.errors import TaskError
from mib.tasks.data_parts import Part
from mib.tasks.example import Example, Prompt
from mib.tasks.registry import get as get_task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AMBIGUOUS = ("abc",)
"""Families without a right answer: three different names leave open which one is given something."""

LEADS_ELSEWHERE = ("ones_op1", "ones_op2", "tens_op1", "tens_op2", "ones_carry", "tens_carry")
"""Families whose prompts may belong to another part of the data than their base prompt."""

LENGTHS = (8, 14, 20)
"""Positions of the last token that part prompts of one length class from the next."""


@dataclass(frozen=True, eq=False)
class Prompts:
    """Some prompts of one task.

    Attributes:
        tokens: Token ids, padded on the right, [prompt, position].
        last: Position of the last token, after which the answer is asked.
        accepted: True if each token is a right answer, [prompt, word].
    """

    tokens: Int[Tensor, "prompt position"]
    last: Int[Tensor, "prompt"]
    accepted: Bool[Tensor, "prompt word"]

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.tokens)

    def take(self, indices: Int[Tensor, "chosen"]) -> "Prompts":
        """Some of them, padded no longer than they need."""
        last = self.last[indices]
        return Prompts(self.tokens[indices, : int(last.max()) + 1], last, self.accepted[indices])

    def by_length(self) -> Iterator[Int[Tensor, "chosen"]]:
        """Indices of prompts of like length, so that little of what is run is padding."""
        classes = torch.bucketize(self.last, torch.tensor(LENGTHS))
        for kind in torch.unique(classes):
            yield (classes == kind).nonzero()[:, 0]

    @classmethod
    def joined(cls, parts: Sequence["Prompts"]) -> "Prompts":
        """The prompts of several tasks, one after the other."""
        width = max(part.tokens.shape[1] for part in parts)
        tokens = [F.pad(part.tokens, (0, width - part.tokens.shape[1])) for part in parts]
        last, accepted = (torch.cat([getattr(part, name) for part in parts]) for name in ("last", "accepted"))
        return cls(torch.cat(tokens), last, accepted)


def prompts_of(
    task: str,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    n: int,
    seed: int,
    part: Part,
    related: bool = True,
    left_out: Collection[str] = (),
) -> Prompts:
    """Prompts of a part of a task's data, with those of their counterfactuals that have a right answer.

    Args:
        task: Name of a task that can be generated.
        tokenizer: With one token for every word of the task.
        n: Number of base prompts that are drawn; those of small tasks repeat.
        seed: Seed of the draws.
        part: Part of the data; no counterfactual of another part is taken.
        related: True if counterfactuals are taken too.
        left_out: Families of counterfactuals that are not.

    Raises:
        TaskError: If the tokenizer has no single token for an answer.
    """
    examples = get_task(task).generate(n, seed=seed, split=part, distinct=False)
    prompts = [p for example in examples for p in _asked(example, related, left_out)]
    ids: list[list[int]] = tokenizer([prompt.text for prompt in prompts])["input_ids"]  # pyright: ignore[reportAssignmentType]
    width = max(map(len, ids))
    accepted = torch.zeros(len(prompts), len(tokenizer), dtype=torch.bool)
    answer_ids = {word: _one_token(tokenizer, word) for word in {w for p in prompts for w in p.accepted}}
    for row, prompt in enumerate(prompts):
        accepted[row, [answer_ids[word] for word in prompt.accepted]] = True
    padded = [row + [0] * (width - len(row)) for row in ids]
    return Prompts(torch.tensor(padded), torch.tensor([len(row) - 1 for row in ids]), accepted)


def _asked(example: Example, related: bool, left_out: Collection[str]) -> Iterator[Prompt]:
    yield example.base
    if related:
        for family, prompt in example.counterfactuals.items():
            if family not in (*AMBIGUOUS, *LEADS_ELSEWHERE, *left_out):
                yield prompt


def _one_token(tokenizer: "PreTrainedTokenizerBase", word: str) -> int:
    ids: Sequence[int] = tokenizer(word, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportAssignmentType]
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise TaskError(f"answer {word!r} is not one token of the vocabulary, but {list(ids)}.")
    return ids[0]


def answer_logits(model: nn.Module, prompts: Prompts) -> Float[Tensor, "prompt word"]:
    """The logits where each prompt's answer is asked.

    No mask is needed: what pads a prompt stands after its last token, where causal attention does not look.

    Args:
        model: A causal language model of Hugging Face.
        prompts: Prompts that it reads.
    """
    network: Any = model
    stream = network.base_model(prompts.tokens, use_cache=False).last_hidden_state
    return network.lm_head(stream[torch.arange(len(prompts)), prompts.last])
