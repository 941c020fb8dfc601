"""Whether padding on the right changes what a model gives: Tracr never masks PAD."""

import torch
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiler.distinct_forward import DistinctForward
from groundtruth.rasp.evaluate import batches_of_one_length

_UNSEEN = 1e-15
"""Attention below this moves nothing: the softmax of an exact model leaves e^-50 where it selects nothing."""


def is_pad_safe(model: CompiledNetwork, *, limit: int = 50_000, seed: int = 0) -> bool:
    """Tell whether every input of the domain gives the same output padded to any length as it does unpadded.

    Args:
        model: A compiled model.
        limit: Domains up to this size are run whole; of larger ones a sample of this size is run, and where every
            amount of padding has to be tried, about so many padded runs are made.
        seed: Seed of that sample.
    """
    longest = model.domain.max_seq_len
    if model.causal or model.domain.min_seq_len == longest:
        return True  # nobody sees what comes later, or there is nothing to pad
    found = model.domain.inputs(limit=limit, seed=seed)
    inputs = [tokens for tokens in found.tokens if len(tokens) < longest]
    n_runs = sum(longest - len(tokens) for tokens in inputs)
    step = 1 if found.exhaustive else max(1, n_runs // limit)
    forward, unseen = DistinctForward(model.weights), True
    for indices in batches_of_one_length(inputs, like=longest):
        batch = [inputs[i] for i in indices]
        # Where PAD is attended to once it is so again and again: that need not be found out each time.
        unseen = unseen and _is_unseen(model, forward, batch)
        if not unseen and _is_disturbed(model, forward, batch[::step]):
            return False
    return True


def _is_unseen(model: CompiledNetwork, forward: DistinctForward, batch: list[Tokens]) -> bool:
    """Tell whether, padded to the greatest length, no position attends to a PAD behind it.

    Then padding to any lesser length, and none, gives the same: block by block, each position reads only positions that
    are there in all these runs, and that hold the same.
    """
    seen = torch.zeros((), dtype=torch.float64)
    n, longest = len(batch[0]), model.domain.max_seq_len
    behind = torch.ones(longest + 1, longest + 1, dtype=torch.bool).triu(1)
    # BOS and the input itself may be attended to: they are there in every run.
    behind[:, : n + 1] = False

    def look(pattern: Tensor) -> None:
        seen.copy_(torch.maximum(seen, pattern.amax(0)[behind].amax()))

    # The widest run shows all: in a narrower one each position attends to what it attends to here.
    forward.run(model.encode(batch, length=longest), look)
    return bool(seen < _UNSEEN)


def _is_disturbed(model: CompiledNetwork, forward: DistinctForward, batch: list[Tokens]) -> bool:
    """Tell whether inputs of one length change their outputs, padded to one length after the other."""
    n = len(batch[0])
    alone = model.decoder.codes(forward.logits(model.encode(batch))[:, 1:])
    # Every width: what PAD does may show at one amount of it and not at another.
    for width in range(n + 1, model.domain.max_seq_len + 1):
        padded = model.decoder.codes(forward.logits(model.encode(batch, length=width))[:, 1 : n + 1])
        if bool(model.decoder.differ(padded, alone).any()):
            return True
    return False
