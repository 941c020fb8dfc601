"""Whether a compiled model in a dtype of few digits still computes what is known of it.

Steps of compiled models have slopes of 1e4. Where weights are axis-aligned their terms are exact in any dtype; where a
rotation has mixed them, rounding is multiplied by that much.
"""

import torch
from torch import Tensor, nn

from groundtruth.errors import DomainError
from groundtruth.model import KnownModel

OFF = 1e-4
"""Largest distance of logits from those in float64, relative to the largest (or to 1): all shipped models keep to that
in float32 as compiled, and a rotated one by slopes of 1e4 does not."""


def require_precision(model: KnownModel, module: nn.Module, dtype: torch.dtype, *batches: Tensor) -> None:
    """Compare a module's logits with the model's own, where there is an input.

    Args:
        model: Model whose truth is known.
        module: The same weights in another dtype.
        dtype: The dtype to run it in.
        batches: Ids [input, position] on which they are compared, on any device.

    Raises:
        DomainError: If they are too far off for the truth to be that of the module.
    """
    # The truth was proven in float64, on these very weights.
    if dtype == torch.float64:
        return
    for tokens in batches:
        ids = tokens.cpu()
        real = (ids != model.bos_id) & (ids != model.pad_id)
        with torch.no_grad():
            # Only at tokens, where the program says what is right.
            found = module(tokens).cpu().double()[real]
        wanted = model.logits(ids)[real]
        off, scale = float((found - wanted).abs().max()), max(1.0, float(wanted.abs().max()))
        # Written so that NaN is off too.
        if not off <= OFF * scale:
            name = str(dtype).removeprefix("torch.")
            raise DomainError(
                f"in {name} the logits of '{model.name}' are off by {off:.1e} (largest {scale:.1f}), so that what is "
                f"known of it does not hold: its weights need more digits. Use float64 (--dtype float64)."
            )
