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

    Heads are written out when outputs are read: a method that needs differences alone never has the whole pool's.

    Args:
        n_inputs: Size of the pool.
        anatomy: The model.
        run: Runs distinct inputs.
    """

    def __init__(self, n_inputs: int, anatomy: Anatomy, run: Callable[[Indices], Runs]) -> None:
        self._anatomy, self._run = anatomy, run
        self._filled = torch.zeros(n_inputs, dtype=torch.bool)
        self._compact: dict[int, tuple[Indices, CompactOutputs]] = {}  # runs not yet written out, by their first input
        self._kept: tuple[Tensor, Tensor] | None = None  # outputs and final streams of the whole pool
        self._complete = False

    def outputs(self, indices: Indices) -> Outputs:
        """Outputs of some inputs, in any order, with repetitions; only to be read, for they may be what is kept."""
        return self._find(indices)[0][as_slice(indices)]

    def final(self, indices: Indices) -> Stream:
        """Final residual streams of some inputs."""
        return self._find(indices)[1][as_slice(indices)]

    def differences(self, clean: Indices, other: Indices) -> Outputs:
        """Outputs of some inputs minus those of others, as a new tensor; nothing else is written out if it need not be.

        Args:
            clean: Outputs to subtract.
            other: Outputs to subtract from.
        """
        for indices in (clean, other):
            self._run_missing(indices)
        subtracted, runs = self._whole_runs(clean), self._whole_runs(other)
        if not subtracted or not runs:
            return self.outputs(other) - self.outputs(clean)
        ran = runs[0][1]
        changes = ran.final.new_empty(len(other), self._n_sources(ran), *ran.final.shape[1:])
        for rows, ran in runs:
            ran.write_out(self._anatomy, into=changes[rows])
        for rows, ran in subtracted:
            ran.subtract_from(changes[rows], self._anatomy)
        return changes

    def missing(self, indices: Indices) -> Int[Tensor, "missing"]:
        """Pick the inputs that were never run, each once."""
        return indices[:0] if self._complete else torch.unique(indices[~self._filled.to(indices.device)[indices]])

    def keep(self, indices: Indices, ran: CompactOutputs) -> None:
        """Take what a run of some inputs wrote, so that they need no run of their own."""
        first = int(indices[0]) if len(indices) else -1
        self._write_out(first)  # else a run that begins with the same input would be forgotten
        self._compact[first] = indices, ran
        self._filled = self._filled.to(indices.device)
        self._filled[indices] = True
        self._complete = bool(self._filled.all())

    def _whole_runs(self, indices: Indices) -> list[tuple[slice, CompactOutputs]]:
        """The runs that make up some inputs, one after the other, not yet written out; none if they are not that."""
        found, start = list[tuple[slice, CompactOutputs]](), 0
        while start < len(indices):
            inputs, ran = self._compact.get(int(indices[start]), (indices[:0], None))
            rows = slice(start, start + len(inputs))
            if ran is None or not torch.equal(inputs, indices[rows]):
                return []
            found.append((rows, ran))
            start = rows.stop
        return found

    def _write_out(self, first: int) -> None:
        """Write out the run that begins with an input, if there is one, and let go of it."""
        if first not in self._compact:
            return
        indices, ran = self._compact.pop(first)
        outputs, final = self._kept = self._kept or self._room(ran)
        rows = as_slice(indices)
        if isinstance(rows, slice):
            ran.write_out(self._anatomy, into=outputs[rows])
        else:
            outputs[rows] = ran.write_out(self._anatomy)
        final[rows] = ran.final

    def _room(self, ran: CompactOutputs) -> tuple[Tensor, Tensor]:
        """Room for the whole pool at once: growing it would hold it twice for a moment."""
        n, shape = len(self._filled), ran.final.shape[1:]
        return ran.final.new_empty(n, self._n_sources(ran), *shape), ran.final.new_empty(n, *shape)

    def _n_sources(self, ran: CompactOutputs) -> int:
        return ran.embeddings.shape[1] + self._anatomy.n_layers * (self._anatomy.n_heads + 1)

    def _run_missing(self, indices: Indices) -> None:
        missing = self.missing(indices)
        if len(missing) or not (self._compact or self._kept):  # of no inputs, too, there is a run
            for chunk, ran in self._run(missing):
                self.keep(chunk, ran)

    def _find(self, indices: Indices) -> tuple[Tensor, Tensor]:
        self._run_missing(indices)
        for first in list(self._compact):
            self._write_out(first)
        return self._kept  # pyright: ignore[reportReturnType] - some run was kept, and is written out now


def as_slice(indices: Indices) -> Indices | slice:
    """Numbers that follow each other as a slice, which copies nothing; others as they are."""
    first, n = int(indices[0]) if len(indices) else 0, len(indices)
    return slice(first, first + n) if torch.equal(indices, torch.arange(first, first + n).to(indices)) else indices
