"""What a program gives when one variable is taken from another input: the labels of featurization tasks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.interning import Replacement
from groundtruth.truth.variables.value_pool import ProgramGround

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_UNDEFINED = 0


@dataclass(frozen=True, eq=False)
class Swaps:
    """Interchanges of one variable, by numbers of inputs and positions (from 0, without BOS).

    Attributes:
        base: The input that is run [pair].
        source: Input that the variable is taken from [pair].
        base_positions: Positions at which it is put [pair, chosen].
        source_positions: Positions that it comes from [pair, chosen].
    """

    base: Ints
    source: Ints
    base_positions: Ints
    source_positions: Ints

    def take(self, rows: Ints) -> "Swaps":
        """Some of them."""
        return Swaps(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def join(cls, parts: "Sequence[Swaps]") -> "Swaps":
        """Several after each other."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What interchanges give.

    Attributes:
        expected: As codes of the decoder [pair, position]; of shorter inputs the last positions mean nothing.
        own: The same without an interchange.
        real: Positions that the base has [pair, position].
        base_values: Numbers of the variable's values where something is put [pair, chosen]; 0 where it has none.
        source_values: The same of what is put there.
        defined: True if the program has a value at every position [pair].
        changed: True if the output is not the base's own [pair].
    """

    expected: Tensor
    own: Tensor
    real: Bools
    base_values: Ints
    source_values: Ints
    defined: Bools
    changed: Bools

    @property
    def same(self) -> Bools:
        """True if the variable has the same values in base and source, so that nothing may change [pair]."""
        return (self.base_values == self.source_values).all(1)


@dataclass(frozen=True, eq=False)
class _JointValues:
    """What some expressions hold together, a number for each combination of their values.

    Attributes:
        columns: The numbers, 0 where an expression has no value, for each pool [input, position].
        parts: The number of each expression's own value, by label [joint number].
    """

    columns: Sequence[Ints]
    parts: Mapping[str, Ints]

    @classmethod
    def of(cls, ground: ProgramGround, labels: Sequence[str]) -> "_JointValues":
        """Number what expressions hold on all inputs; one expression keeps the numbers that it has."""
        own = [[pool.columns[label] for label in labels] for pool in ground.pools]
        if len(labels) == 1:
            columns = [parts[0] for parts in own]
            return cls(columns, {labels[0]: np.arange(1 + max(int(column.max()) for column in columns))})
        rows = np.concatenate([np.stack(parts, axis=-1).reshape(-1, len(labels)) for parts in own])
        known, numbers = np.unique(rows, axis=0, return_inverse=True)
        numbers = np.where((rows == _UNDEFINED).any(1), _UNDEFINED, numbers.reshape(-1) + 1)
        ends = np.cumsum([parts[0].size for parts in own])[:-1]
        columns = [chunk.reshape(parts[0].shape) for chunk, parts in zip(np.split(numbers, ends), own, strict=True)]
        padded = np.concatenate([np.full((1, len(labels)), _UNDEFINED), known])
        return cls(columns, {label: padded[:, place] for place, label in enumerate(labels)})


class Predictor:
    """Interchanges of one variable in a program.

    Args:
        ground: The program on the inputs of its domain, numbered from the shortest on.
        labels: Labels of the variable's expressions, which are replaced together.
        readers: Labels of the expressions that see what is put there; ``None`` = all.
        rng: Shuffles the variable's values over all positions of all inputs: a hypothesis that is false. By default
            every input has its own.
    """

    def __init__(
        self,
        ground: ProgramGround,
        labels: Sequence[str],
        readers: Collection[str] | None,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._ground, self._readers, joint = ground, readers, _JointValues.of(ground, labels)
        self._parts = joint.parts
        self.inputs: list[Tokens] = [tokens for pool in ground.pools for tokens in pool.inputs]
        self.lengths: Ints = np.array([len(tokens) for tokens in self.inputs])
        self._pool = np.repeat(np.arange(len(ground.pools)), [len(pool.inputs) for pool in ground.pools])
        self._row = np.concatenate([np.arange(len(pool.inputs)) for pool in ground.pools])
        self._values = self._padded(joint.columns)
        if rng is not None:
            real = np.arange(self.width) < self.lengths[:, None]
            # Over real positions only, so that none gets a value from behind the end of an input; how often each comes
            # stays.
            self._values[real] = rng.permutation(self._values[real])

    @property
    def width(self) -> int:
        """Length of the longest input."""
        return int(self.lengths.max())

    def predict(self, swaps: Swaps) -> Predictions:
        """Return what the program gives after some interchanges."""
        ground = self._ground
        put = self._values[swaps.source[:, None], swaps.source_positions]
        shape, dtype = (len(swaps), self.width), ground.output_codes[0].dtype
        expected, own = torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype)
        defined, changed = np.zeros(len(swaps), dtype=np.bool_), np.zeros(len(swaps), dtype=np.bool_)
        for index, pool in enumerate(ground.pools):
            pairs = np.flatnonzero(self._pool[swaps.base] == index)
            if not len(pairs):
                continue
            rows = self._row[swaps.base[pairs]]
            output = self._rerun(index, rows, swaps.base_positions[pairs], put[pairs])
            codes, usual = ground.encoded(output), ground.output_codes[index][torch.from_numpy(rows)]
            chosen = torch.from_numpy(pairs)
            expected[chosen, : pool.length], own[chosen, : pool.length] = codes.to(dtype), usual
            # Below -1 is what no output of the model stands for: it cannot say so, however well the variable is found.
            sayable = (codes >= -1).all(1).numpy() if ground.decoder.categorical else ~codes.isnan().any(1).numpy()
            defined[pairs] = (output != _UNDEFINED).all(1) & sayable
            changed[pairs] = ground.decoder.differ(codes, usual).any(1).numpy()
        return Predictions(
            expected=expected,
            own=own,
            real=np.arange(self.width) < self.lengths[swaps.base][:, None],
            base_values=self._values[swaps.base[:, None], swaps.base_positions],
            source_values=put,
            defined=defined & (put != _UNDEFINED).all(1),
            changed=changed,
        )

    def _rerun(self, pool: int, rows: Ints, positions: Ints, put: Ints) -> Ints:
        """The program's output, as numbers, on inputs of one length with values put at some positions."""
        columns = {label: codes[rows] for label, codes in self._ground.pools[pool].columns.items()}
        program, given = self._ground.program, dict[str, Replacement]()
        for label, parts in self._parts.items():
            codes, where = np.ones_like(columns[label]), np.zeros_like(columns[label], dtype=np.bool_)
            np.put_along_axis(codes, positions, parts[put], axis=1)
            np.put_along_axis(where, positions, True, axis=1)
            given[label] = Replacement(codes, where, self._readers)
        return program.rerun(columns, given)[program.output]

    def _padded(self, columns: Sequence[Ints]) -> Ints:
        """Numbers of all inputs in one array, 0 after the end of an input [input, position]."""
        width = max(part.shape[1] for part in columns)
        return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in columns])
