"""What each source writes in the full run of an input, kept from the first time that it is known."""

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from mib.engine.circuit_run import Outputs, Stream
from mib.engine.rows import Indices

Recorded = tuple[Tensor, Tensor]
"""Outputs of all sources and the final residual stream, from which logits are had without another run."""


class OutputCache:
    """Outputs of the pool's inputs, each computed when it is first asked for, unless it was known before.

    Args:
        n_inputs: Size of the pool.
        record: Runs distinct inputs.
    """

    def __init__(self, n_inputs: int, record: Callable[[Indices], Recorded]) -> None:
        self._record = record
        self._filled = torch.zeros(n_inputs, dtype=torch.bool)
        self._kept: Recorded | None = None
        self._complete = False

    def outputs(self, indices: Indices) -> Outputs:
        """Outputs of some inputs, in any order, with repetitions; only to be read, for they may be what is kept."""
        return self._find(indices)[0][as_slice(indices)]

    def final(self, indices: Indices) -> Stream:
        """Final residual streams of some inputs."""
        return self._find(indices)[1][as_slice(indices)]

    def missing(self, indices: Indices) -> Int[Tensor, "missing"]:
        """Those of some inputs that were never run, each once."""
        return indices[:0] if self._complete else torch.unique(indices[~self._filled.to(indices.device)[indices]])

    def keep(self, indices: Indices, recorded: Recorded) -> None:
        """Take what a run of some inputs wrote, so that they need no run of their own."""
        if self._kept is None:
            # Room for the whole pool at once: growing it would hold it twice for a moment.
            self._kept = _room(recorded[0], len(self._filled)), _room(recorded[1], len(self._filled))
        for kept, new in zip(self._kept, recorded, strict=True):
            kept[as_slice(indices)] = new
        self._filled = self._filled.to(indices.device)
        self._filled[indices] = True
        self._complete = bool(self._filled.all())

    def _find(self, indices: Indices) -> Recorded:
        if len(missing := self.missing(indices)):
            self.keep(missing, self._record(missing))
        if self._kept is None:  # nothing was ever asked for
            return self._record(indices)
        return self._kept


def as_slice(indices: Indices) -> Indices | slice:
    """Numbers that follow each other as a slice, which copies nothing; others as they are."""
    first, n = int(indices[0]) if len(indices) else 0, len(indices)
    return slice(first, first + n) if torch.equal(indices, torch.arange(first, first + n).to(indices)) else indices


def _room(like: Tensor, n: int) -> Tensor:
    return like.new_empty(n, *like.shape[1:])
