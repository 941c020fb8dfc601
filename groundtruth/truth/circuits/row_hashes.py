"""Equal rows of whole numbers found by hashes, which sort faster than the rows."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def hash_rows(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two 64-bit hashes a row [row, 2]; unequal rows have equal hashes with a chance of about 2**-100."""
    # Sums modulo 2**64 with odd factors. Whole values lie 1e11 steps apart, a multiple of 2**11, which leaves 52 of the
    # 63 random bits of a factor to tell them apart: with two sums 2**-104 a pair of rows.
    return rows @ _odd_factors(rows.shape[1])


@lru_cache(maxsize=256)
def _odd_factors(count: int) -> NDArray[np.int64]:
    """Two random odd factors for each of some numbers, the same in every process."""
    return np.random.default_rng(0).integers(1, 2**62, size=(count, 2), dtype=np.int64) * 2 + 1


def group_hashes(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group equal rows of two numbers: the first row of each group, by key, and the group of each row.

    As ``np.unique`` along an axis does, which compares rows field by field, several times slower.
    """
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable, so that the first row of a group stays its first
    ordered = keys[order]
    begins = np.ones(len(keys), dtype=np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(1)
    group = np.empty(len(keys), dtype=np.int64)
    group[order] = np.cumsum(begins) - 1
    return order[begins], group
