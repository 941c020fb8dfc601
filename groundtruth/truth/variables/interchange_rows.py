"""Which interchanges are tried: what is put where, each distinct thing once, and for how many pairs it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from groundtruth.rasp.interning import Codes
from groundtruth.truth.variables.value_pool import Pool
from groundtruth.truth.variables.variable_truth import Pairs

KINDS: tuple[Pairs, ...] = get_args(Pairs)

KEEP = -1
"""The code of a position where nothing is put."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What interchanges put at the positions of inputs of one length.

    Attributes:
        codes: The values put there, ``KEEP`` for none [row, position]; every row is another.
        weights: Number of sources (and positions) that give each row, by kind of pairs [row, kind].
        sources: One of them, as (pool, input) [row, 2].
        full: Row that all positions of each input give [pool][input].
        single: Row that one position with a value gives, by (position, code).
    """

    codes: Codes
    weights: NDArray[np.int64]
    sources: NDArray[np.int64]
    full: list[NDArray[np.int64]]
    single: dict[tuple[int, int], int]


@dataclass
class _Gathered:
    """Rows before equal ones are merged."""

    codes: list[Codes] = field(default_factory=list)
    weights: list[NDArray[np.int64]] = field(default_factory=list)
    sources: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, codes: Codes, kind: int, counts: NDArray[np.int64], pool: int, inputs: NDArray[np.int64]) -> None:
        weights = np.zeros((len(codes), len(KINDS)), dtype=np.int64)
        weights[:, kind] = counts
        self.codes.append(codes)
        self.weights.append(weights)
        self.sources.append(np.stack([np.full(len(codes), pool), inputs], axis=1))


def rows(label: str, length: int, pools: Sequence[Pool]) -> Rows:
    """All that interchanges of one variable can put into inputs of one length.

    Args:
        label: Label of the variable's expression.
        length: Length of the inputs that are changed.
        pools: All inputs.
    """
    gathered = _Gathered()
    for index, pool in enumerate(pools):
        values, common = pool.columns[label], min(length, pool.length)
        full = np.full((len(values), length), KEEP)
        full[:, :common] = values[:, :common]
        one = np.ones(len(full), dtype=np.int64)
        gathered.add(full, int(pool.length != length), one, index, np.arange(len(full)))
        for position in range(length):
            # A value from the same position is the kind before; of a shorter source every position is another one.
            elsewhere = np.delete(values, position, axis=1) if position < common else values
            for kind, column in ((2, values[:, position : position + 1]), (3, elsewhere)):
                codes, first, counts = np.unique(column, return_index=True, return_counts=True)
                single = np.full((len(codes), length), KEEP)
                single[:, position] = codes
                gathered.add(single, kind, counts, index, first // max(1, column.shape[1]))
    return _merged(gathered, [len(pool.inputs) for pool in pools], length)


def _merged(gathered: _Gathered, sizes: Sequence[int], length: int) -> Rows:
    everything = np.concatenate(gathered.codes)
    # Many sources put the same there: it is run once and weighs as often as it comes.
    codes, first, inverse = np.unique(everything, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    weights = np.zeros((len(codes), len(KINDS)), dtype=np.int64)
    np.add.at(weights, inverse, np.concatenate(gathered.weights))
    sources = np.concatenate(gathered.sources)[first]
    starts = np.cumsum([0, *map(len, gathered.codes)])
    chunks = [inverse[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]
    # Rows of all positions carry the first two kinds, rows of one position the other two: so the chunks are told apart.
    full = [chunk for chunk, part in zip(chunks, gathered.weights, strict=True) if part[:, :2].any()]
    single = {
        (int(np.flatnonzero(row != KEEP)[0]), int(row.max())): index
        for index, row in enumerate(codes)
        if (row != KEEP).sum() == 1
    }
    if [len(chunk) for chunk in full] != list(sizes):
        raise RuntimeError("every input gives one row")
    return Rows(codes, weights, sources, full, single)
