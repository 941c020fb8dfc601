"""A network in coordinates of what its sources write: small where most of what could be read never is.

In a wired network every source writes into a space of few dimensions, and a destination reads only some of these
spaces. So the residual stream is a sum of blocks, one a source; in the coordinates of these blocks a source writes its
own block alone, and what a destination reads of a block that it avoids is zero. A norm needs one matrix more: the
products of the blocks' directions, which give the length of a stream from its coordinates.

The numbers are products of weights, so they equal the weights up to rounding, here to the 42nd binary place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groundtruth.explorer.network_data import Affine, AttentionStep, HeadStep, MlpStep, Norm, Steps

Array = NDArray[np.float64]

BINARY_PLACES = 42
"""Numbers are rounded to multiples of 2 ** -42: the page's logits stay within 1e-9 of Python's, as tests show."""

_NOTHING = 1e-9
"""Beside the largest singular value, or beside 1 in an orthonormal basis, what is smaller is rounding."""
_UNREAD = 1e-11
"""Bound on the size of what a destination reads of a direction that it avoids."""
_LEAST_ANGLE = 1e-2
"""Blocks that are closer to each other than this would magnify rounding."""


def rounded(numbers: Array, places: int = BINARY_PLACES) -> Array:
    """Numbers to some binary places; by default those of coordinates."""
    return np.asarray(np.round(numbers * 2.0**places) / 2.0**places, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class SourceCoordinates:
    """Directions in which a residual stream is written down.

    Attributes:
        basis: The directions [coordinate, d_model], orthonormal within each block.
        blocks: The coordinates of each source.
    """

    basis: Array
    blocks: Mapping[str, slice]

    @classmethod
    def of(cls, steps: Steps, spans: Array) -> SourceCoordinates | None:
        """The coordinates of a network, or ``None`` where its sources do not keep to spaces of their own.

        Args:
            steps: The network.
            spans: Directions [direction, d_model] that must have coordinates too, for they are intervened on.
        """
        rows: list[Array] = []
        blocks: dict[str, slice] = {}
        for name, written in _writers(steps):
            _, size, directions = np.linalg.svd(written, full_matrices=False)
            kept = directions[size > _NOTHING * size[0]]
            first = sum(map(len, rows))
            blocks[name] = slice(first, first + len(kept))
            rows.append(kept)
        basis = np.concatenate(rows)
        if len(basis) > steps.token.shape[1] or np.linalg.svd(basis, compute_uv=False)[-1] < _LEAST_ANGLE:
            return None
        inside = np.linalg.qr(basis.T)[0]
        _, size, outside = np.linalg.svd(spans - spans @ inside @ inside.T, full_matrices=False)
        found = cls(np.concatenate([basis, outside[size > _NOTHING]]), blocks)
        return found if _is_normed_by_length(steps, found.basis) else None

    def written(self, source: str, matrix: Array) -> Array:
        """Return what a source writes [row, d_model], in coordinates."""
        block = self.blocks[source]
        found = np.zeros((len(matrix), len(self.basis)))
        found[:, block] = rounded(matrix @ self.basis[block].T)
        return found

    def read(self, matrix: Array) -> Array:
        """The matrix [d_model, column] by which a stream is read, for a stream in coordinates."""
        found = self.basis @ matrix
        return rounded(np.where(np.abs(found) > _UNREAD, found, 0.0))

    def directions(self, span: Array) -> Array:
        """Directions [d_model, direction] that lie in the basis, in coordinates [direction, coordinate]."""
        return rounded(span.T @ np.linalg.pinv(self.basis))

    def steps(self, steps: Steps) -> Steps:
        """A network in these coordinates."""
        return replace(
            steps,
            token=self.written("input", steps.token),
            position=None if steps.position is None else self.written("pos", steps.position),
            steps=tuple(
                self._mlp(step) if isinstance(step, MlpStep) else self._attention(step) for step in steps.steps
            ),
            unembed=self._reader(steps.unembed, steps.norm),
            norm=_bare(steps.norm),
            d_model=self.basis.shape[1],
            gram=self._gram(),
        )

    def _gram(self) -> Array:
        """Products of directions as an upper triangle; its diagonal is halved, so that twice its form is the length."""
        products = np.triu(self.basis @ self.basis.T)
        np.fill_diagonal(products, products.diagonal() / 2)
        return rounded(np.where(np.abs(products) > _UNREAD, products, 0.0))

    def _attention(self, step: AttentionStep) -> AttentionStep:
        heads = tuple(
            HeadStep(
                head.head,
                self._reader(head.query, step.norm),
                self._reader(head.key, step.norm),
                self._reader(head.value, step.norm),
                self.written(f"a{step.layer}.h{head.head}", head.output),
            )
            for head in step.heads
        )
        return replace(step, heads=heads, norm=_bare(step.norm))

    def _mlp(self, step: MlpStep) -> MlpStep:
        bias = step.written.bias
        return replace(
            step,
            read=self._reader(step.read, step.norm),
            written=Affine(
                self.written(f"m{step.layer}", step.written.weight),
                None if bias is None else self.written(f"m{step.layer}", bias[None])[0],
            ),
            norm=_bare(step.norm),
            gate=step.gate and self._reader(step.gate, step.norm),
        )

    def _reader(self, affine: Affine, norm: Norm | None) -> Affine:
        gain = None if norm is None else norm.weight
        return Affine(self.read(affine.weight if gain is None else gain[:, None] * affine.weight), affine.bias)


def _writers(steps: Steps) -> Iterator[tuple[str, Array]]:
    """Each source with the rows that it writes combinations of."""
    yield "input", steps.token
    if steps.position is not None:
        yield "pos", steps.position
    for step in steps.steps:
        if isinstance(step, AttentionStep):
            yield from ((f"a{step.layer}.h{head.head}", head.output) for head in step.heads)
        else:
            bias = [] if step.written.bias is None else [step.written.bias[None]]
            yield f"m{step.layer}", np.concatenate([step.written.weight, *bias])


def _norms(steps: Steps) -> list[Norm]:
    return [norm for norm in (*(step.norm for step in steps.steps), steps.norm) if norm is not None]


def _is_normed_by_length(steps: Steps, basis: Array) -> bool:
    """Tell whether norms only divide by the length: no stream has a mean to subtract, and norms add nothing."""
    norms, means = _norms(steps), np.abs(basis.sum(1)).max()
    return all(norm.bias is None and (norm.kind == "rms" or means < _NOTHING) for norm in norms)


def _bare(norm: Norm | None) -> Norm | None:
    """Return what is left of a norm when its gain is in the matrices that read through it."""
    return norm and Norm("rms", norm.eps)
