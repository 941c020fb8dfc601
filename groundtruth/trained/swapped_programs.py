"""What a program gives on one input when some of its expressions take their values from another, for many pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.expressions import Value
from groundtruth.rasp.interning import UNDEFINED, Codes, NumberedProgram, Replacement

NOT_ASKED = -3
"""The code where an intervened program has no value, or one that the network's output cannot stand for."""

_ROWS = 8192
"""Pairs of inputs that are run together."""


class SwappedProgram:
    """A program on all inputs of a domain, re-run with values of other inputs.

    Args:
        program: The program as its network means it: ``network.numbered_program()``.
        inputs: Inputs of one length, which pairs are made of.
    """

    def __init__(self, program: NumberedProgram, inputs: Sequence[Tokens]) -> None:
        self._program, self._n = program, len(inputs)
        self._columns = dict(program.run(list(inputs)))

    def codes(
        self, decoder: Decoder, expressions: Sequence[str], rows: Tensor, donors: Tensor
    ) -> Int[Tensor, "row position"]:
        """The codes of the output when expressions are interchanged together; ``NOT_ASKED`` where it has no value.

        Args:
            decoder: The network's.
            expressions: Labels of the expressions whose values come from the donors; none = the plain output.
            rows: The inputs that the program is run on [row].
            donors: The inputs that values come from [row].
        """
        found = self._numbers(expressions, rows.numpy(), donors.numpy())
        values = self._program.numbers[self._program.output].values  # after the run, which may meet new ones
        codes = decoder.encode([None if value is UNDEFINED else value for value in values]).numpy()
        missing = np.array([value is UNDEFINED for value in values])
        return torch.from_numpy(np.where(missing | (codes < -1), NOT_ASKED, codes)[found])

    def every_code(self, decoder: Decoder, expressions: Sequence[str]) -> Int[Tensor, "row donor position"]:
        """The same on every pair of inputs."""
        rows, donors = (part.flatten() for part in torch.meshgrid(*[torch.arange(self._n)] * 2, indexing="ij"))
        batches = zip(rows.split(_ROWS), donors.split(_ROWS), strict=True)
        return torch.cat([self.codes(decoder, expressions, *pairs) for pairs in batches]).view(self._n, self._n, -1)

    def every_value(self, expressions: Sequence[str]) -> list[Value]:
        """Each value that the output has at some position on some pair of inputs; what is undefined is none."""
        found = set[int]()
        for pairs in np.array_split(np.arange(self._n**2), -(-(self._n**2) // _ROWS)):
            found.update(np.unique(self._numbers(expressions, *np.divmod(pairs, self._n))).tolist())
        values = self._program.numbers[self._program.output].values
        return [values[code] for code in sorted(found) if values[code] is not UNDEFINED]

    def _numbers(self, expressions: Sequence[str], rows: Codes, donors: Codes) -> Codes:
        base = {label: codes[rows] for label, codes in self._columns.items()}
        # At every position, as networks are interchanged.
        where = np.ones(base[self._program.output].shape, dtype=np.bool_)
        given = {label: Replacement(self._columns[label][donors], where) for label in expressions}
        return self._program.rerun(base, given)[self._program.output]
