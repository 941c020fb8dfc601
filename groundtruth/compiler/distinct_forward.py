"""The forward pass of a compiled model, each linear map applied once to each distinct vector that it reads.

A compiled model holds one-hot codes, so that at the many positions of many inputs a head or an MLP reads few different
vectors. So no residual stream is kept here, but who wrote to it: each writer (embedding, head, MLP) has a table of the
different vectors that it wrote, and the number of the one that it wrote at each position. What a reader sees at a
position follows from the numbers of the writers whose directions it reads. Nothing is rounded: vectors are the same if
they are equal to the bit. Where all of them differ (in a rotated model), this is no faster than
``groundtruth.compiled.forward.logits``, to which a test holds it equal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.compiled.forward import Weights

_ENTRIES = 2**22
"""Numbers of the largest table that is held at once."""

_Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Writer:
    """A part that has written to the residual stream.

    Attributes:
        directions: Directions that it writes to.
        table: The different vectors that it wrote [vector, direction].
        place: Number of the one that it wrote at each position of the batch.
    """

    directions: _Places
    table: Tensor
    place: _Places


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The combinations in which some writers' vectors occur.

    Attributes:
        parts: For each writer, which of its vectors is in each combination.
        place: Number of the combination at each position of the batch.
    """

    parts: Sequence[_Places]
    place: _Places

    @property
    def size(self) -> int:
        """Number of combinations."""
        return len(self.parts[0]) if self.parts else 1


@dataclass(frozen=True, eq=False)
class _Matrix:
    """A linear map without its rows and columns of zeros.

    Attributes:
        read: The directions that it reads.
        matrix: [read, written].
    """

    read: _Places
    matrix: Tensor


@dataclass(frozen=True, eq=False)
class _Head:
    query: _Matrix
    key: _Matrix
    value: _Matrix
    written: _Places


@dataclass(frozen=True, eq=False)
class _Neurons:
    into: _Matrix
    out: Tensor
    written: _Places


class DistinctForward:
    """The forward pass of one model.

    Args:
        weights: The model.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._blocks = [
            ([_head(weights, layer, head) for head in weights.busy_heads[layer]], _neurons(weights, layer))
            for layer in range(weights.n_layers)
        ]
        self._unembedding = _matrix(weights.W_U)

    def logits(self, tokens: Tensor) -> Tensor:
        """The output [batch, position, output].

        Args:
            tokens: Token ids [batch, position], BOS first.
        """
        return self.run(tokens, lambda pattern: None)

    def run(self, tokens: Tensor, look: Callable[[Tensor], None]) -> Tensor:
        """The output [batch, position, output], with a look at each head's attention.

        Args:
            tokens: Token ids [batch, position], BOS first.
            look: Called with the attention [batch, query, key] of each head that can write, in order.
        """
        stream = _Stream(self.weights, tokens)
        for heads, neurons in self._blocks:
            moved: list[tuple[_Places, Tensor]] = []
            for head in heads:
                pattern = self._pattern(stream, head)
                look(pattern)
                values, place = stream.project(head.value)
                # Kept until all heads of the block have read: none reads what another of them writes.
                moved.append((head.written, pattern @ values[torch.from_numpy(place)].unflatten(0, tokens.shape)))
            for directions, values in moved:
                stream.write_all(directions, values.flatten(0, 1))
            if neurons is not None:
                hidden, place = stream.project(neurons.into)
                stream.write(neurons.written, hidden.relu_() @ neurons.out, place)
        values, place = stream.project(self._unembedding)
        return values[torch.from_numpy(place)].unflatten(0, tokens.shape)

    def _pattern(self, stream: "_Stream", head: _Head) -> Tensor:
        w, (batch, n) = self.weights, stream.shape
        (queries, at_query), (keys, at_key) = stream.project(head.query), stream.project(head.key)
        if _is_periodic(at_query, n) and _is_periodic(at_key, n):  # what is read are positions: one row stands for all
            batch, at_query, at_key = 1, at_query[:n], at_key[:n]
        # A table of all scores pays as long as it is no larger than the scores of the batch themselves.
        if len(queries) * len(keys) <= max(_ENTRIES, batch * n * n):
            places = (at_query * len(keys)).reshape(batch, n, 1) + at_key.reshape(batch, 1, n)
            scores = (queries @ keys.T / w.attn_scale).flatten()[torch.from_numpy(places)]
        else:
            every_query = queries[torch.from_numpy(at_query)].unflatten(0, (batch, n))
            every_key = keys[torch.from_numpy(at_key)].unflatten(0, (batch, n))
            scores = every_query @ every_key.transpose(-1, -2) / w.attn_scale
        if w.causal:
            scores.masked_fill_(torch.ones(n, n, dtype=torch.bool).triu(1), -torch.inf)
        return scores.softmax(-1).expand(stream.shape[0], n, n)


class _Stream:
    """The residual stream of one batch, as its writers."""

    def __init__(self, weights: Weights, tokens: Tensor) -> None:
        self.shape = tokens.shape
        batch, n = tokens.shape
        self._writers: list[_Writer] = []
        self._mixtures: dict[tuple[tuple[int, tuple[int, ...]], ...], _Mixture] = {}
        self._restrictions: dict[tuple[int, tuple[int, ...]], _Writer] = {}
        every = np.arange(weights.d_model)
        self.write(every, weights.W_E, tokens.flatten().numpy())
        self.write(every, weights.W_pos[:n], np.tile(np.arange(n), batch))

    def write(self, directions: _Places, table: Tensor, place: _Places) -> None:
        """Write one of some vectors [vector, direction] at each position."""
        used = _nonzero(table.any(0))
        if len(used):
            self._writers.append(_Writer(directions[used], table[:, used], place))

    def write_all(self, directions: _Places, values: Tensor) -> None:
        """Write vectors [position, direction] that have not been numbered yet."""
        first, place = _number_rows(values)
        self.write(directions, values[torch.from_numpy(first)], place)

    def project(self, linear: _Matrix) -> tuple[Tensor, _Places]:
        """The different vectors that a linear map makes of the stream, and which of them is at each position."""
        vectors, place = self._read(linear.read)
        return vectors @ linear.matrix, place

    def _read(self, directions: _Places) -> tuple[Tensor, _Places]:
        heard: list[tuple[int, _Places, _Writer]] = []
        for i, writer in enumerate(self._writers):
            _, to, of = np.intersect1d(directions, writer.directions, assume_unique=True, return_indices=True)
            if len(of):
                heard.append((i, to, self._restricted(i, of)))
        # Writers only ever join the stream, so that a mixture of the same ones in the same directions stays what it
        # was.
        key = tuple((i, tuple(writer.directions.tolist())) for i, _, writer in heard)
        if key not in self._mixtures:
            self._mixtures[key] = self._mixed([writer for _, _, writer in heard])
        mixture = self._mixtures[key]
        vectors = torch.zeros(mixture.size, len(directions), dtype=torch.float64)
        for (_, to, writer), part in zip(heard, mixture.parts, strict=True):
            vectors[:, to] += writer.table[torch.from_numpy(part)]
        return vectors, mixture.place

    def _restricted(self, i: int, of: _Places) -> _Writer:
        """A writer as one sees it who reads some of its directions only: of vectors that are the same there, one."""
        key = (i, tuple(of.tolist()))
        if key not in self._restrictions:
            writer = self._writers[i]
            table = writer.table[:, of]
            first, number = _number_rows(table)
            self._restrictions[key] = _Writer(
                writer.directions[of], table[torch.from_numpy(first)], number[writer.place]
            )
        return self._restrictions[key]

    def _mixed(self, writers: Sequence[_Writer]) -> _Mixture:
        place, size, parts = np.zeros(self.shape[0] * self.shape[1], dtype=np.int64), 1, list[_Places]()
        for writer in writers:
            n = len(writer.table)
            if n == 1:  # the same everywhere
                parts.append(np.zeros(size, dtype=np.int64))
                continue
            present, place = _renumber(place * n + writer.place, size * n)
            parts = [part[present // n] for part in parts] + [present % n]
            size = len(present)
        return _Mixture(parts, place)


def _matrix(matrix: Tensor) -> _Matrix:
    read = _nonzero(matrix.any(1))
    return _Matrix(read, matrix[read])


def _head(weights: Weights, layer: int, head: int) -> _Head:
    out = weights.W_O[layer, head]
    written = _nonzero(out.any(0))
    return _Head(
        query=_matrix(weights.W_Q[layer, head]),
        key=_matrix(weights.W_K[layer, head]),
        value=_matrix(weights.W_V[layer, head] @ out[:, written]),
        written=written,
    )


def _neurons(weights: Weights, layer: int) -> _Neurons | None:
    used = _nonzero(weights.W_in[layer].any(0) & weights.W_out[layer].any(1))
    out = weights.W_out[layer][used]
    written = _nonzero(out.any(0))
    return _Neurons(_matrix(weights.W_in[layer][:, used]), out[:, written], written) if len(used) else None


def _renumber(codes: _Places, size: int) -> tuple[_Places, _Places]:
    """The codes below ``size`` that occur, and which of them each one is."""
    if size > 4 * len(codes) + _ENTRIES:
        return np.unique(codes, return_inverse=True)
    occurs = np.zeros(size, dtype=bool)
    occurs[codes] = True
    present = np.flatnonzero(occurs)
    number = np.zeros(size, dtype=np.int64)
    number[present] = np.arange(len(present))
    return present, number[codes]


def _number_rows(matrix: Tensor) -> tuple[_Places, _Places]:
    """Find where each distinct row of a matrix is found, and which of them each row is."""
    probe = torch.from_numpy(np.random.default_rng(0).standard_normal(matrix.shape[1])).to(matrix.dtype)
    products = (matrix @ probe).numpy()
    # Any row stands for those like it, so the sort need not be stable, which is three times as fast as `np.unique`.
    order = products.argsort()
    new = np.ones(len(order), dtype=bool)
    new[1:] = products[order[1:]] != products[order[:-1]]
    found, place = order[new], np.empty_like(order)
    place[order] = new.cumsum() - 1
    # Equal rows have equal products, but unequal rows may too; so the grouping is held against the rows themselves.
    if torch.equal(matrix[torch.from_numpy(found)][torch.from_numpy(place)], matrix):
        return found, place
    every = np.arange(len(matrix))  # two rows have one product with the probe: as good as never
    return every, every


def _is_periodic(place: _Places, n: int) -> bool:
    """Tell whether the numbers of all inputs are those of the first."""
    rows = place.reshape(-1, n)
    return bool((rows == rows[:1]).all())


def _nonzero(mask: Tensor) -> _Places:
    return torch.nonzero(mask)[:, 0].numpy()
