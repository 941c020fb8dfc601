"""Featurizers: an activation as features and the rest, and back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from jaxtyping import Float
from torch import Tensor

from mib.errors import MethodError

Vectors = Float[Tensor, "*batch d_site"]
Features = Float[Tensor, "*batch feature"]

Law = Literal["bijection", "dictionary", "lossy dictionary"]
"""Promise of a featurizer, which ``check_featurizer`` holds it to.

- ``bijection``: features and error of any two inputs, put together, are those of the vector that they make.
- ``dictionary``: the way back is affine: a sum of directions, one a feature, plus the error (sparse autoencoders).
- ``lossy dictionary``: the same without an error, so the way there and back loses something.
"""


@dataclass(frozen=True, eq=False)
class Featurizer:
    """A pair of maps, ``x -> (features, error)`` and back, and which of the features are the variable.

    Both maps work on the last axis and treat every vector alone. Linear ones are made by ``Featurizer.subspace``.

    Attributes:
        featurize: From vectors [..., d_site] to features [..., n_features] and an error [..., any].
        inverse: From features and error to vectors.
        n_features: Number of features.
        selected: The features that an interchange swaps; None for all of them, empty for none.
        rotation: [d_site, n_features], orthonormal, where the features are coordinates of a subspace.
        law: Promise of the maps.
    """

    featurize: Callable[[Tensor], tuple[Tensor, Tensor]]
    inverse: Callable[[Tensor, Tensor], Tensor]
    n_features: int
    selected: tuple[int, ...] | None = None
    rotation: Float[Tensor, "d_site feature"] | None = None
    law: Law = "bijection"

    def __post_init__(self) -> None:
        if self.selected is None:
            return
        wrong = [i for i in self.selected if not 0 <= i < self.n_features]
        if wrong or len(set(self.selected)) < len(self.selected):
            what = f"{wrong[0]} is out of range" if wrong else "a number occurs twice"
            raise MethodError(
                f"selected={self.selected}: {what}; name distinct features from 0 to {self.n_features - 1}."
            )

    @classmethod
    def subspace(cls, rotation: Float[Tensor, "d_site feature"], *, selected: Iterable[int] | None = None) -> Self:
        """The coordinates in an orthonormal basis; the error is what lies outside.

        Interchange of all features: x_base + R R^T (x_source - x_base). Source: Geiger et al. 2023, arXiv 2303.02536.

        Args:
            rotation: Orthonormal columns; none of them makes the featurizer that changes nothing.
            selected: The columns that carry the variable; default: all.

        Raises:
            MethodError: If the columns are not orthonormal. ``mib.featurization.orthonormal`` makes a basis.
        """
        rotation = rotation.detach()
        off = orthonormality_error(rotation)
        if not off < 1e-3:
            raise MethodError(
                f"rotation of shape {tuple(rotation.shape)} is not orthonormal (off by {off:.1e}). "
                "Pass its columns through mib.featurization.orthonormal first."
            )

        def featurize(x: Tensor) -> tuple[Tensor, Tensor]:
            # Vectors come in the dtype and on the device of the model, which need not be those of the columns.
            basis = rotation.to(x)
            features = x @ basis
            # What is left out of the features is the error, so that nothing of a base is lost, whatever the subspace.
            return features, x - features @ basis.T

        def inverse(features: Tensor, error: Tensor) -> Tensor:
            return features @ rotation.to(features).T + error

        chosen = None if selected is None else tuple(selected)
        return cls(featurize, inverse, rotation.shape[1], selected=chosen, rotation=rotation)

    @property
    def indices(self) -> tuple[int, ...]:
        """The features that an interchange swaps, written out."""
        return tuple(range(self.n_features)) if self.selected is None else self.selected

    @property
    def rank(self) -> int:
        """Return how many features are swapped."""
        return len(self.indices)

    @property
    def basis(self) -> Float[Tensor, "d_site selected"] | None:
        """An orthonormal basis of what is swapped; None for featurizers that are no subspace."""
        return None if self.rotation is None else self.rotation[:, list(self.indices)]

    def select(self, indices: Iterable[int] | None) -> Self:
        """The same maps with other features swapped."""
        return replace(self, selected=None if indices is None else tuple(indices))

    def interchange(self, base: Vectors, source: Vectors) -> Vectors:
        """The base's vectors with the selected features of the source's: inverse(swap(F(base), F(source)), error)."""
        features, error = self.featurize(base)
        others, _ = self.featurize(source)
        swapped = torch.zeros(self.n_features, dtype=torch.bool, device=base.device)
        swapped[list(self.indices)] = True
        return self.inverse(torch.where(swapped, others, features), error)


def orthonormal(directions: Float[Tensor, "d_site direction"], *, tolerance: float = 1e-6) -> Float[Tensor, "d_site r"]:
    """An orthonormal basis of the span of some directions, the strongest first.

    Args:
        directions: One a column, of any length.
        tolerance: Singular values up to this share of the largest count as zero.
    """
    # In float64, for of float32 the noise of a large direction drowns a small one.
    u, s, _ = torch.linalg.svd(directions.double(), full_matrices=False)
    rank = int((s > tolerance * s[:1].sum()).sum())
    return u[:, :rank].to(directions.dtype)


def orthonormality_error(rotation: Float[Tensor, "d_site feature"]) -> float:
    """The largest entry of R^T R - I."""
    gram = rotation.double().T @ rotation.double()
    return float((gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).abs().max()) if len(gram) else 0.0
