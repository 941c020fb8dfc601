"""The positions of a site in inputs of one length."""

import torch
from jaxtyping import Int
from torch import Tensor

from mib.errors import TaskError
from mib.site import Site


def site_positions(site: Site, n_examples: int, n_positions: int) -> Int[Tensor, "example chosen"]:
    """Give the positions of a site, counted from the start, for each of some examples.

    Raises:
        TaskError: If a position lies outside the inputs.
    """
    chosen = range(n_positions) if site.positions is None else site.positions
    outside = [p for p in chosen if not -n_positions <= p < n_positions]
    if outside:
        raise TaskError(f"site {site} is at position {outside[0]}; the inputs have positions 0 to {n_positions - 1}.")
    return (torch.tensor([*chosen]) % n_positions).expand(n_examples, -1)
