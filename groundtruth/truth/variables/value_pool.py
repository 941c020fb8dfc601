"""What proofs about variables run on: the domain's inputs, the program's values and the residual streams on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.forward import forward
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.rasp.interning import Codes, Columns
from groundtruth.truth.circuits.patched_runs import Continuations
from groundtruth.truth.variables.suffix_model import Suffix

POOL_LIMIT = 4_000
"""Domains up to this size are proven on whole; of larger ones a seeded sample of this size is used, and said so."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The inputs of one length.

    Attributes:
        inputs: The inputs, without BOS.
        columns: The program's values on them.
    """

    inputs: Sequence[Tokens]
    columns: Columns

    @property
    def length(self) -> int:
        """Tokens of each input, without BOS."""
        return len(self.inputs[0])


@dataclass(frozen=True, eq=False)
class StatePool(Pool):
    """The inputs of one length with the model's states.

    Attributes:
        streams: The residual stream that each sublayer reads [input, position, d_model], BOS at position 0.
    """

    streams: tuple[Tensor, ...]


class ProgramGround:
    """A model's program on the inputs of its domain, numbered by length and then in the domain's order.

    Args:
        model: The model.
        limit: Domains up to this size are run whole, of larger ones a seeded sample of this size.
    """

    def __init__(self, model: ProgramNetwork, *, limit: int = POOL_LIMIT) -> None:
        self.decoder: Decoder = model.decoder
        """Reads the model's output."""
        self.program = model.numbered_program()
        drawn = model.domain.inputs(limit=limit)
        self.exhaustive = drawn.exhaustive
        by_length: dict[int, list[Tokens]] = {}
        for tokens in drawn.tokens:
            by_length.setdefault(len(tokens), []).append(tokens)
        self._inputs = [by_length[length] for length in sorted(by_length)]

    @cached_property
    def pools(self) -> Sequence[Pool]:
        """The inputs of each length, the shortest first."""
        return [Pool(inputs, self.program.run(inputs)) for inputs in self._inputs]

    @cached_property
    def values(self) -> dict[str, tuple[Any, ...]]:
        """The values of each expression that occur, by label, in the order of their numbers."""
        found: dict[str, tuple[Any, ...]] = {}
        pools = self.pools  # numbers grow as the program runs
        for label, numbers in self.program.numbers.items():
            # Values that occur on inputs: interchanges add numbers to a program later on, which are no values of the
            # domain.
            codes = np.unique(np.concatenate([pool.columns[label].ravel() for pool in pools]))
            found[label] = tuple(numbers.decode(codes))
        return found

    @cached_property
    def output_codes(self) -> list[Tensor]:
        """Outputs of the program, in the decoder's codes, for each pool [input, position]."""
        return [self.encoded(pool.columns[self.program.output]) for pool in self.pools]

    def encoded(self, codes: Codes) -> Tensor:
        """Numbers of output values as the decoder's codes."""
        # Not kept: an interchange may have met a new value since, which has a number by now.
        return self.decoder.encode(self.program.numbers[self.program.output].values)[torch.from_numpy(codes)]


class Ground(ProgramGround):
    """A compiled model and its program on the inputs of its domain.

    Args:
        model: The model.
        limit: Domains up to this size are run whole, of larger ones a seeded sample of this size.
    """

    def __init__(self, model: CompiledNetwork, *, limit: int = POOL_LIMIT) -> None:
        super().__init__(model, limit=limit)
        self.model = model
        self._suffixes: dict[int, Suffix] = {}
        self._readable = Continuations(model.core, model.decoder)

    @cached_property
    def pools(self) -> Sequence[StatePool]:
        """The inputs of each length with the model's states, the shortest first."""
        return [self._pool(inputs) for inputs in self._inputs]

    def _pool(self, inputs: list[Tokens]) -> StatePool:
        # Each length by itself and unpadded: PAD is no position of a program.
        states = forward(self.model.core, self.model.encode(inputs))
        streams = [states.embed + states.pos]
        for heads, mlp in zip(states.heads, states.mlps, strict=True):
            streams.append(streams[-1] + heads.sum(2))
            streams.append(streams[-1] + mlp)
        return StatePool(inputs, self.program.run(inputs), tuple(streams))

    def readable(self, sublayer: int) -> Tensor:
        """Orthonormal columns that span all that a sublayer and those after it read [d_model, rank]."""
        return self._readable.basis(sublayer)

    def suffix(self, sublayer: int) -> Suffix:
        """The model from a sublayer on, by its number in ``mib.sublayers``."""
        if sublayer not in self._suffixes:
            self._suffixes[sublayer] = Suffix(self.model.core, sublayer)
        return self._suffixes[sublayer]
