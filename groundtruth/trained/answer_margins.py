"""How far the logits of runs are from decoding to something else."""

import torch
from torch import Tensor

from groundtruth.compiled.decoder import NONE_BELOW, Decoder

_LEAST = 1e-12
"""The margin given to a run that decodes right by breaking a tie."""


def answer_margins(decoder: Decoder, logits: Tensor, codes: Tensor) -> Tensor:
    """Measure how far each run is from decoding to something else than given codes, at its worst position [row].

    Args:
        decoder: Reads the logits.
        logits: [row, position, output].
        codes: Codes that should be decoded [row, position]; below -1 where nothing is asked for, which counts as right.

    Returns:
        Positive where all positions are right, by how much; else how far the worst one is off.
    """
    read = decoder.read(logits)
    # Codes below 0 have no logit: index 0 stands in for them, and both `where` below put right what it gives.
    wanted = codes.clamp(min=0)[..., None]
    chosen = read.gather(-1, wanted)[..., 0]
    others = read.scatter(-1, wanted, -torch.inf).amax(-1)
    # A value is decoded only from NONE_BELOW on: `None` is a rival like any other value.
    margin = torch.minimum(chosen - others, chosen - NONE_BELOW)
    nothing = NONE_BELOW - read.amax(-1)
    margin = torch.where(codes == -1, nothing, margin)
    return torch.where(codes < -1, torch.inf, margin).amin(-1)


def exact_margins(decoder: Decoder, logits: Tensor, codes: Tensor) -> Tensor:
    """Margins of float64 runs, positive exactly where the decoder reads the given codes [row]."""
    margins = answer_margins(decoder, logits, codes)
    # The sign is the decoder's own, which gives near ties to the first value; the margin tells only how far away it is.
    right = ((decoder.codes(logits) == codes) | (codes < -1)).all(-1)
    return torch.where(right, margins.clamp(min=_LEAST), margins.clamp(max=0.0))
