"""Matrices as small JSON: every number is what it was, to the last bit.

A matrix is packed in whichever of two forms is smaller. *Sparse*: the distinct non-zero numbers, the steps from one
non-zero place to the next, and which number stands there. *Dense*: the bytes of its numbers in base64, as float32 where
that loses nothing.
"""

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = dict[str, Any]


def pack_matrix(matrix: NDArray[np.float64]) -> Packed:
    """Pack a matrix [row, column].

    Returns:
        ``s``: its shape. Sparse: ``v``, the distinct numbers; ``i``, for each non-zero place the step from the one
        before (the first from -1), row by row; ``c``, which of ``v`` stands there, left out where there is but one.
        Dense: ``d``, the numbers as little-endian float64 in base64, row by row; ``f``, the same as float32.
    """
    sparse = _sparse(matrix)
    single = matrix.astype("<f4")
    exact = bool((single == matrix).all())
    n_dense = 4 * ((4 if exact else 8) * matrix.size // 3)
    # The length of the sparse form is at least two characters a place: most dense matrices are told from that alone.
    if 2 * len(sparse["i"]) < n_dense and len(json.dumps(sparse)) <= n_dense + 40:
        return sparse
    content = single if exact else np.ascontiguousarray(matrix, dtype="<f8")
    return {"s": list(matrix.shape), "f" if exact else "d": base64.b64encode(content.tobytes()).decode()}


def _sparse(matrix: NDArray[np.float64]) -> Packed:
    flat = matrix.ravel()
    places = np.flatnonzero(flat)
    values, codes = np.unique(flat[places], return_inverse=True)
    packed: Packed = {"s": list(matrix.shape), "v": values.tolist(), "i": np.diff(places, prepend=-1).tolist()}
    return packed if len(values) <= 1 else packed | {"c": codes.reshape(-1).tolist()}


def unpack_matrix(packed: Packed) -> NDArray[np.float64]:
    """The matrix of what ``pack_matrix`` gave."""
    if (dense := packed.get("d", packed.get("f"))) is not None:
        numbers = np.frombuffer(base64.b64decode(dense), "<f8" if "d" in packed else "<f4")
        return numbers.astype(np.float64).reshape(packed["s"])
    found = np.zeros(packed["s"])
    places, values = np.cumsum(packed["i"], dtype=int) - 1, np.array(packed["v"])
    found.ravel()[places] = values[packed["c"]] if "c" in packed else values[np.zeros(len(places), dtype=int)]
    return found
