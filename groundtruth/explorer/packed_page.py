"""A page that unpacks itself: its script, style and model compressed, as characters of 7 bits.

Dense weights cannot be compressed by much: 3.4 bytes are left of a float32. So what counts is how bytes become text.
Base64 makes 4 characters of 3 bytes; here 8 characters hold 7 bytes, as nearly all characters of ASCII may stand in a
script element as they are.
"""

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundtruth.explorer.packed_matrix import unpack_matrix
from groundtruth.explorer.source_coordinates import BINARY_PLACES

_FORBIDDEN = (0, ord("\r"), ord("<"))
"""Characters that HTML changes, or that could end the element; moved by 256 the 7 bits below are the same."""
_LONG = 8
"""Shorter vectors, and matrices of fewer distinct numbers, stay in the JSON."""
_WHOLE_BYTES = 6
"""Bytes of a multiple of 2 ** -42 below 32."""


def pack_page(script: str, style: str, data: dict[str, Any]) -> str:
    """The text that ``page/src/unpack.js`` reads."""
    plain, numbers = pack_numbers(data)
    model = json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    parts = [script.encode(), style.encode(), model.encode()]
    sizes = np.array([len(part) for part in parts], dtype="<u4").tobytes()
    text = _deflated(b"".join([sizes, *parts]), zlib.Z_DEFAULT_STRATEGY, zlib.Z_FULL_FLUSH)
    return as_characters(text + _deflated(numbers, zlib.Z_FILTERED, zlib.Z_FINISH))


def _deflated(content: bytes, strategy: int, end: int) -> bytes:
    """Compress a part of a stream; numbers hold few repetitions, which the filtered strategy searches for less."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return packer.compress(content) + packer.flush(end)


def as_characters(content: bytes) -> str:
    """Bytes as characters, 7 bits each, the highest bits first."""
    bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8))
    padded = np.concatenate([bits, np.zeros(-len(bits) % 7, dtype=np.uint8)]).reshape(-1, 7)
    codes = np.packbits(padded, axis=1)[:, 0] >> 1
    return "".join(chr(code + 256 if code in _FORBIDDEN else code) for code in codes.tolist())


@dataclass
class _Numbers:
    """Numbers of matrices and vectors in the order in which they stand in a model.

    Attributes:
        singles: Numbers that are float32, without zeros.
        doubles: Numbers that are not, without zeros.
        places: Places of the numbers in each matrix or vector.
    """

    singles: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    doubles: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    places: list[NDArray[np.bool_]] = field(default_factory=list[NDArray[np.bool_]])

    def take(self, value: Any) -> Any:
        """JSON in which the numbers of matrices and vectors are left out; matrices of a few distinct numbers stay."""
        if isinstance(value, list) and len(value) >= _LONG and all(isinstance(item, float) for item in value):
            return self._keep([len(value)], np.array(value))
        if isinstance(value, list):
            return [self.take(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "s" in value and len(value.get("v", ())) not in range(1, _LONG):
            return self._keep(value["s"], unpack_matrix(value).ravel())
        return value if "s" in value else {key: self.take(item) for key, item in value.items()}

    def _keep(self, shape: list[int], numbers: NDArray[np.float64]) -> dict[str, Any]:
        kept = numbers[numbers != 0]
        single = kept.astype("<f4")
        exact = bool((single == kept).all())
        self.places.append(numbers != 0)
        if exact:
            self.singles.append(single)
        else:
            self.doubles.append(kept)
        return {"s": shape, "n": "single" if exact else "double"}


def pack_numbers(data: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Take the numbers of the networks and variables out of a model's JSON.

    Returns:
        The JSON with ``numbers``, how many of either kind there are and as what, and the bytes: all first bytes, then
        all second bytes and so on, for exponents compress among themselves; then a bit for each place.
    """
    found = _Numbers()
    plain = data | {key: found.take(data[key]) for key in ("network", "random") if data.get(key)}
    plain["truth"] = data["truth"] | {"variables": found.take(data["truth"]["variables"])}
    singles, doubles = np.concatenate([[], *found.singles]).astype("<f4"), np.concatenate([[], *found.doubles])
    scaled = np.ldexp(doubles, BINARY_PLACES)
    whole = bool(((scaled == np.round(scaled)) & (np.abs(doubles) < 32)).all())
    places = np.packbits(np.concatenate([np.zeros(0, dtype=bool), *found.places]))
    content = [_planes(_rotated(singles)), _planes(_zigzag(scaled), _WHOLE_BYTES) if whole else _planes(doubles)]
    header = {"singles": len(singles), "doubles": len(doubles), "whole": BINARY_PLACES if whole else 0}
    return plain | {"numbers": header}, b"".join([*content, places.tobytes()])


def _rotated(numbers: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The bits of float32 with the sign last, so that the highest byte is the exponent."""
    bits = numbers.view("<u4")
    return ((bits << 1) | (bits >> 31)).astype("<u4")


def _zigzag(whole: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Whole numbers with the sign last: 0, -1, 1, -2 as 0, 1, 2, 3."""
    numbers = whole.astype("<i8")
    return ((numbers << 1) ^ (numbers >> 63)).astype("<u8")


def _planes(numbers: NDArray[Any], size: int | None = None) -> bytes:
    """The lowest byte of each number, then the next of each; only the lowest ``size`` of them."""
    bytes_of = np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), numbers.dtype.itemsize)
    return np.ascontiguousarray(bytes_of[:, :size].T).tobytes()
