"""Tokenizers and small models that tasks are tested on."""

from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast

from mib import tasks
from tests.mib.small_models import random_model

SPECIAL = ["<pad>", "<bos>", "<unk>"]


def word_level(*names: str) -> PreTrainedTokenizerFast:
    """A closed vocabulary of whole words: those of some tasks."""
    words = sorted({word for name in names for word in tasks.get(name).vocabulary()})
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(tasks.PIECE), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", unk_token="<unk>", padding_side="left"
    )


def byte_pairs(*names: str, size: int = 700, bos: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer as GPT-2's: spaces belong to the word after them, and a word may be several tokens."""
    drawn = [example for name in names for example in tasks.get(name).generate(150, seed=9)]
    prompts = [p for example in drawn for p in (example.base, *example.counterfactuals.values())]
    texts = [text for p in prompts for text in (p.text + p.answer, p.answer)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>"] if bos else []
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    if bos:
        wrapped.bos_token = wrapped.eos_token = wrapped.unk_token = "<|endoftext|>"
    return wrapped


def model_for(tokenizer: Any, *, says: str | None = None, says_token: int | None = None, seed: int = 0) -> nn.Module:
    """A small random causal model with a tokenizer's vocabulary, that always says one word if asked to."""
    size = len(tokenizer)
    model = random_model(n_vocabulary=size, n_outputs=size, n_context=80, causal=True, seed=seed)
    if says is not None or says_token is not None:
        token = says_token if says is None else tokenizer(says, add_special_tokens=False)["input_ids"][0]
        with torch.no_grad():
            model.unembed.b_U[token] += 1e3
    return model
