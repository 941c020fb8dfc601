"""Classes of vectors: what is written is numbered, and what no later reader tells apart has one number."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from groundtruth.truth.circuits.attention_outcomes import ANYTHING
from groundtruth.truth.circuits.patched_runs import TOLERANCE

Array: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]


class ValueTable:
    """Distinct vectors, numbered; two that all later readers see alike are one.

    Args:
        basis: Orthonormal columns that span what is read later [d_model, rank]; ``None`` = everything is.
    """

    def __init__(self, basis: Array | None = None) -> None:
        self._basis, self._ids = basis, dict[bytes, int]()
        self._vectors: list[Array] = []

    def number(self, vectors: Array) -> Ids:
        """The class of each vector [row, d_model]; a new one for what was not seen before."""
        seen = vectors if self._basis is None else vectors @ self._basis
        # The grid is that of a row's own size, and part of its key, so that equal keys mean close rows. It changes a
        # little above each power of two, lest rounding part two rows whose largest number is one.
        sizes = np.abs(seen).max(1, initial=1.0)
        exponents = np.ceil(np.log2(sizes) - 0.1).clip(min=0)
        keys = np.round(seen / (TOLERANCE * 2.0 ** exponents[:, None])) + 0.0
        table = np.ascontiguousarray(np.concatenate([exponents[:, None], keys], axis=1))
        ids = np.empty(len(table), dtype=np.int64)
        for row, key in enumerate(table):
            name = key.tobytes()
            if name not in self._ids:
                self._ids[name] = len(self._vectors)
                self._vectors.append(vectors[row])
            ids[row] = self._ids[name]
        return ids

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, width: int) -> Array:
        """The vector of each class [class, width], also where there is none."""
        return np.array(self._vectors).reshape(-1, width)


def pick_classes(classes: Ids, which: Ids) -> Ids:
    """The class of each item, and ``ANYTHING`` for one that has none."""
    found = np.full(len(which), ANYTHING)
    known = which != ANYTHING
    found[known] = classes[which[known]]
    return found
