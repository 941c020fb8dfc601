"""The closed vocabulary of the learned model: every word of its tasks, and three special tokens."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mib.tasks.registry import get as get_task
from mib.tasks.word_pieces import PIECE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, UNKNOWN = SPECIAL = "<pad>", "<bos>", "<unk>"


def words_of(names: Iterable[str]) -> list[str]:
    """The special tokens, then every word that prompts and answers of some tasks use, sorted."""
    return [*SPECIAL, *sorted({word for name in names for word in get_task(name).vocabulary()})]


def tokenizer_of(words: list[str]) -> "PreTrainedTokenizerFast":
    """A tokenizer with one token a word, that puts ``<bos>`` first and pads on the left.

    Blanks between words are dropped, so ``Mary`` and `` Mary`` are the same token.

    Args:
        words: The vocabulary, in the order of its ids, special tokens first.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [
            pre_tokenizers.Split(Regex(r"\s+"), behavior="removed"),
            pre_tokenizers.Split(Regex(PIECE), behavior="isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, words.index(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, pad_token=PAD, unk_token=UNKNOWN, padding_side="left"
    )
