"""What flows along an edge that is cut."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mib.errors import TaskError, did_you_mean

Ablation = Literal["resample", "zero", "mean", "mean-positional", "optimal"]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)


def check_ablation(name: str) -> Ablation:
    """The ablation of a name.

    Raises:
        TaskError: If there is none.
    """
    if name not in ABLATIONS:
        raise TaskError(f"unknown ablation '{name}'.{did_you_mean(name, ABLATIONS)} Known: {', '.join(ABLATIONS)}.")
    return name  # pyright: ignore[reportReturnType]


def mean_outputs(
    outputs: Float[Tensor, "batch source position d_model"], mask: Bool[Tensor, "batch position"] | None
) -> tuple[Float[Tensor, "source position d_model"], Float[Tensor, "position"]]:
    """Sums of source outputs over real tokens, and how many there were, per position (float64)."""
    batch, _, n_positions, _ = outputs.shape
    if mask is None:
        # In float64, in which numbers of inputs are exact and sums of them nearly so.
        counts = torch.full((n_positions,), float(batch), dtype=torch.float64, device=outputs.device)
        return outputs.sum(0, dtype=torch.float64), counts
    real = mask.to(outputs.dtype)
    sums = torch.einsum("bspd,bp->spd", outputs.double(), real.double())
    return sums, real.sum(0).double()
