"""What each source writes in the full run of an input, kept from the first time that it is known."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from mib.engine.circuit_run import Outputs, Stream
from mib.engine.rows import Indices
from mib.engine.source_changes import CompactOutputs
from mib.models.adapters.anatomy import Anatomy

Runs = Iterator[tuple[Indices, CompactOutputs]]
"""Some inputs at a time, with what their sources wrote."""


class OutputCache:
    """Outputs of the pool's inputs, and their final streams, each computed when first asked for, if not known before.

    Args:
        n_inputs: Size of the pool.
        anatomy: The model.
        run: Runs distinct inputs.
    """

    def __init__(self, n_inputs: int, anatomy: Anatomy, run: Callable[[Indices], Runs]) -> None:
        self._anatomy, self._run = anatomy, run
        self._filled = torch.zeros(n_inputs, dtype=torch.bool)
        self._kept: tuple[Tensor, Tensor] | None = None  # outputs and final streams of the whole pool
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

    def keep(self, indices: Indices, ran: CompactOutputs) -> None:
        """Take what a run of some inputs wrote, so that they need no run of their own."""
        outputs, final = self._kept = self._kept or self._room(ran)
        rows = as_slice(indices)
        if isinstance(rows, slice):
            ran.write_out(self._anatomy, into=outputs[rows])
        else:
            outputs[rows] = ran.write_out(self._anatomy)
        final[rows] = ran.final
        self._filled = self._filled.to(indices.device)
        self._filled[indices] = True
        self._complete = bool(self._filled.all())

    def _room(self, ran: CompactOutputs) -> tuple[Tensor, Tensor]:
        """Room for the whole pool at once: growing it would hold it twice for a moment."""
        n, shape = len(self._filled), ran.final.shape[1:]
        n_sources = ran.embeddings.shape[1] + self._anatomy.n_layers * (self._anatomy.n_heads + 1)
        return ran.final.new_empty(n, n_sources, *shape), ran.final.new_empty(n, *shape)

    def _find(self, indices: Indices) -> tuple[Tensor, Tensor]:
        missing = self.missing(indices)
        if len(missing) or self._kept is None:
            for chunk, ran in self._run(missing):
                self.keep(chunk, ran)
        return self._kept  # pyright: ignore[reportReturnType] - of no inputs, too, there is a run


def as_slice(indices: Indices) -> Indices | slice:
    """Numbers that follow each other as a slice, which copies nothing; others as they are."""
    first, n = int(indices[0]) if len(indices) else 0, len(indices)
    return slice(first, first + n) if torch.equal(indices, torch.arange(first, first + n).to(indices)) else indices
