"""What a program gives on one input when some of its expressions take their values from another, for many pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.rasp.interning import UNDEFINED, NumberedProgram, Replacement

NOT_ASKED = -3
"""The code where an intervened program has no value, or one that the network's output cannot stand for."""


class SwappedProgram:
    """A network's program on all inputs of its domain, re-run with values of other inputs.

    Args:
        network: The network; its inputs are of one length.
        inputs: Those that pairs are made of.
        defaults: True if an Aggregate that selects nothing gives its default, as in RASP; else it has no value where a
            compiled model's head would read BOS.
    """

    def __init__(self, network: ProgramNetwork, inputs: Sequence[Tokens], *, defaults: bool = False) -> None:
        domain = network.domain
        self._decoder = network.decoder
        self._program = NumberedProgram(
            network.program,
            causal=network.causal,
            vocab=domain.vocab,
            max_seq_len=domain.max_seq_len,
            defaults=defaults,
        )
        self._columns = dict(self._program.run(list(inputs)))

    def codes(self, expressions: Sequence[str], rows: Tensor, donors: Tensor) -> Int[Tensor, "row position"]:
        """The codes of the output when expressions are interchanged together; ``NOT_ASKED`` where it has no value.

        Args:
            expressions: Labels of the expressions whose values come from the donors; none = the plain output.
            rows: The inputs that the program is run on [row].
            donors: The inputs that values come from [row].
        """
        base = {label: codes[rows.numpy()] for label, codes in self._columns.items()}
        where = np.ones(base[self._program.output].shape, dtype=np.bool_)
        given = {label: Replacement(self._columns[label][donors.numpy()], where) for label in expressions}
        found = self._program.rerun(base, given)[self._program.output]
        return torch.from_numpy(self._translation()[found])

    def _translation(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """The decoder's code of each number of the output; numbers grow as values are met."""
        values = self._program.numbers[self._program.output].values
        codes = self._decoder.encode([None if value is UNDEFINED else value for value in values]).numpy()
        missing = np.array([value is UNDEFINED for value in values])
        return np.where(missing | (codes < -1), NOT_ASKED, codes)
