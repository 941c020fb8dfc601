"""Changes of basis of the residual stream: a rotation, and an isometry into a wider one."""

from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.frame import framed
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.variant import Made, same_nodes


def rotate(model: CompiledModel, rng: Generator) -> Made:
    """Turn the residual stream by a random orthogonal matrix, uniform (Haar) among all."""
    return _changed(model, isometry(model.weights.d_model, model.weights.d_model, rng))


def embed(model: CompiledModel, rng: Generator, *, extra: int = 8) -> Made:
    """Put the residual stream into a wider one by a random isometry.

    Args:
        model: A compiled model.
        rng: Chooses the isometry.
        extra: By how many dimensions it gets wider; at least 1.

    Raises:
        VariantError: If it does not get wider.
    """
    require_wider(extra)
    return _changed(model, isometry(model.weights.d_model, model.weights.d_model + extra, rng))


def require_wider(extra: int) -> None:
    """Refuse to embed a stream in one that is no wider.

    Raises:
        VariantError: If ``extra`` is less than 1.
    """
    if extra < 1:
        raise VariantError(f"embed(extra={extra}): the residual stream must get wider; use at least 1.")


def isometry(rows: int, columns: int, rng: Generator) -> Tensor:
    """Orthonormal rows [rows, columns], uniform among all such.

    Source: Mezzadri (2007), https://arxiv.org/abs/math-ph/0609050: QR of a Gaussian matrix with the signs of R's
    diagonal moved to Q.
    """
    q, r = np.linalg.qr(rng.standard_normal((columns, rows)))
    # Without the signs, which LAPACK fixes by its own rule, Q is not uniform.
    return torch.from_numpy(np.ascontiguousarray((q * np.sign(np.diag(r))).T))


def _changed(model: CompiledModel, change: Tensor) -> Made:
    """A model whose residual stream x is x @ change, for orthonormal rows [old, new]."""
    # A rotation of a rotated model has one frame, the product, so that proofs never need to know how often it was
    # turned.
    own = torch.eye(model.weights.d_model, dtype=torch.float64) if model.frame is None else model.frame
    weights: Weights = framed(model.weights, change)
    return Made(replace(model, weights=weights, frame=own @ change), same_nodes(model))
