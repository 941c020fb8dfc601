"""Whether padding on the right changes what a model gives: Tracr never masks PAD."""

from groundtruth.compiled.forward import logits
from groundtruth.compiled.network import CompiledNetwork


def is_pad_safe(model: CompiledNetwork, *, limit: int = 50_000, seed: int = 0) -> bool:
    """Whether every input of the domain gives the same output padded to any length as it does unpadded.

    Args:
        model: A compiled model.
        limit: Domains up to this size are run whole, larger ones on a sample of this size.
        seed: Of that sample.
    """
    inputs = model.domain.inputs(limit=limit, seed=seed).tokens
    decoder = model.decoder
    for length in model.domain.lengths:
        shorter = [tokens for tokens in inputs if len(tokens) == length]
        if not shorter:
            continue
        alone = decoder.codes(logits(model.weights, model.encode(shorter))[:, 1:])
        for width in range(length + 1, model.domain.max_seq_len + 1):
            padded = logits(model.weights, model.encode(shorter, length=width))[:, 1 : length + 1]
            if bool(decoder.differ(decoder.codes(padded), alone).any()):
                return False
    return True
