"""Sparse autoencoders: an activation as a sum of few directions out of many, trained on the spot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mib.errors import MethodError, did_you_mean
from mib.featurization.featurizer import Featurizer

Architecture = Literal["standard", "top-k", "batch-top-k", "top-afa"]
ErrorTerm = Literal["kept", "dropped"]


@dataclass(frozen=True)
class SaeTraining:
    """How a sparse autoencoder is trained.

    Attributes:
        architecture: ``standard``: ReLU and an L1 penalty (Bricken et al. 2023); ``top-k``: the k largest features of
            each vector (Gao et al. 2024, arXiv 2406.04093); ``batch-top-k``: as many a batch, and a threshold
            afterwards (Bussmann et al. 2024, arXiv 2412.06410); ``top-afa``: of each vector as many of the largest as
            together have its length (Lee et al. 2025, arXiv 2503.24277), so that no k is chosen.
        expansion: Features a dimension.
        k: Active features a vector, of ``top-k`` and ``batch-top-k``.
        l1: Weight of the penalty, of ``standard``.
        afa: Weight of the squared difference between a vector's length and its features', of ``top-afa``, beside a
            squared error that is a mean over dimensions.
        learning_rate: Learning rate of Adam.
        steps: Steps of the optimizer.
        batch_size: Vectors a step.
    """

    architecture: Architecture = "standard"
    expansion: int = 4
    k: int = 8
    l1: float = 0.1
    afa: float = 1 / 32
    learning_rate: float = 1e-3
    steps: int = 2000
    batch_size: int = 256

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise MethodError(
                f"unknown architecture '{self.architecture}'.{did_you_mean(self.architecture, get_args(Architecture))} "
                f"Known: {', '.join(get_args(Architecture))}."
            )
        for name in ("expansion", "k", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise MethodError(f"{name}={getattr(self, name)}; use at least 1.")


class SparseAutoencoder(nn.Module):
    """features = activate((x - centre) / scale @ encoder + bias); x is about features @ decoder * scale + centre.

    Decoder rows have length one.

    Args:
        activations: Vectors [sample, d_site] whose mean and size set centre and scale.
        training: Its shape.
        generator: Draws the weights.
    """

    centre: Tensor
    scale: Tensor
    threshold: Tensor

    def __init__(
        self, activations: Float[Tensor, "sample d_site"], training: SaeTraining, generator: torch.Generator
    ) -> None:
        super().__init__()
        width = activations.shape[1]
        n_features = training.expansion * width
        directions = torch.randn(n_features, width, generator=generator).to(activations)
        self.decoder = nn.Parameter(directions / directions.norm(dim=1, keepdim=True))
        # A copy: the two are tied at the start only.
        self.encoder = nn.Parameter(self.decoder.detach().T.clone())
        self.bias = nn.Parameter(activations.new_zeros(n_features))
        self.register_buffer("centre", activations.mean(0))
        centred = activations - self.centre
        # Vectors of the mean squared length of their dimension, so that one penalty fits all sites.
        self.register_buffer("scale", centred.square().mean().sqrt().clamp(min=1e-12))
        self.register_buffer("threshold", activations.new_zeros(()))
        self.architecture: Architecture = training.architecture
        self.k = min(training.k, n_features)

    def encode(self, x: Float[Tensor, "*batch d_site"]) -> Float[Tensor, "*batch feature"]:
        """Features of vectors, each vector alone."""
        active = self._rectified(x)
        match self.architecture:
            case "standard":
                return active
            case "top-k":
                return largest(active, self.k)
            case "batch-top-k":
                return active * (active > self.threshold)
            case "top-afa":
                return of_length(active, self.standardised(x).norm(dim=-1))

    @property
    def n_features(self) -> int:
        """Return how many features there are."""
        return len(self.decoder)

    def decode(self, features: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch d_site"]:
        """Vectors of features; affine."""
        return features @ self.decoder * self.scale + self.centre

    def standardised(self, x: Float[Tensor, "*batch d_site"]) -> Float[Tensor, "*batch d_site"]:
        """Vectors as the encoder reads them, centred and scaled."""
        return (x - self.centre) / self.scale

    def encode_batch(self, x: Float[Tensor, "batch d_site"]) -> Float[Tensor, "batch feature"]:
        """Features as in training: batch top-k shares its budget out among the vectors of a batch."""
        if self.architecture != "batch-top-k":
            return self.encode(x)
        active = self._rectified(x)
        kept = largest(active.flatten(), self.k * len(x)).view_as(active)
        smallest = kept[kept > 0].min() if bool((kept > 0).any()) else self.threshold
        # A running mean, for encoding one vector alone has no batch to share a budget with.
        self.threshold.lerp_(smallest.detach(), 0.05)
        return kept

    def _rectified(self, x: Tensor) -> Tensor:
        return torch.relu(self.standardised(x) @ self.encoder + self.bias)


def train_autoencoder(
    activations: Float[Tensor, "sample d_site"], training: SaeTraining, generator: torch.Generator
) -> SparseAutoencoder:
    """Train a sparse autoencoder on activations: squared error, and what its architecture adds.

    Args:
        activations: Activations to reconstruct.
        training: Settings of the training.
        generator: Draws weights and batches.
    """
    sae = SparseAutoencoder(activations, training, generator)
    optimizer = torch.optim.Adam(sae.parameters(), lr=training.learning_rate)
    for _ in range(training.steps):
        chosen = torch.randint(len(activations), (training.batch_size,), generator=generator)
        x = activations[chosen.to(activations.device)]
        features = sae.encode_batch(x)
        loss = ((sae.decode(features) - x) / sae.scale).square().sum(-1).mean() + _penalty(sae, training, x, features)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            # Directions of length one: else the penalty is evaded by small features with long directions.
            sae.decoder.div_(sae.decoder.norm(dim=1, keepdim=True).clamp(min=1e-12))
    return sae.requires_grad_(False)


def _penalty(sae: SparseAutoencoder, training: SaeTraining, x: Tensor, features: Tensor) -> Tensor | float:
    """Give what the loss of an architecture has beside the squared error."""
    match training.architecture:
        case "standard":
            return training.l1 * features.sum(-1).mean()
        case "top-k" | "batch-top-k":
            return 0.0
        case "top-afa":
            mismatch = features.norm(dim=-1) - sae.standardised(x).norm(dim=-1)
            # The published error is a mean over dimensions; ours is their sum, which keeps the weights' ratio.
            return training.afa * x.shape[-1] * mismatch.square().mean()


def dictionary(
    encode: Callable[[Tensor], Tensor],
    decode: Callable[[Tensor], Tensor],
    n_features: int,
    *,
    error: ErrorTerm = "kept",
) -> Featurizer:
    """Any autoencoder with an affine decoder as a featurizer; a pre-trained one's ``encode`` and ``decode`` will do.

    Args:
        encode: From vectors [..., d_site] to features [..., n_features].
        decode: Back.
        n_features: Number of features.
        error: Whether what is not reconstructed is ``kept`` as the error, or ``dropped``.

    Raises:
        MethodError: If ``error`` is neither.
    """
    if error not in get_args(ErrorTerm):
        raise MethodError(f"error='{error}'; use 'kept' or 'dropped'.")

    def featurize(x: Tensor) -> tuple[Tensor, Tensor]:
        features = encode(x)
        return features, x - decode(features) if error == "kept" else x[..., :0]

    def inverse(features: Tensor, rest: Tensor) -> Tensor:
        return decode(features) + rest if error == "kept" else decode(features)

    return Featurizer(featurize, inverse, n_features, law="dictionary" if error == "kept" else "lossy dictionary")


def largest(features: Tensor, k: int) -> Tensor:
    """All but the k largest entries of the last axis set to zero."""
    values, where = features.topk(min(k, features.shape[-1]), dim=-1)
    return torch.zeros_like(features).scatter(-1, where, values)


def of_length(features: Float[Tensor, "*batch feature"], length: Float[Tensor, "*batch"]) -> Tensor:
    """All but the k largest entries of the last axis set to zero, with the k >= 1 whose norm is nearest to a length.

    Nearly orthogonal directions of length one make a vector about as long as its features are (Lee et al. 2025,
    arXiv 2503.24277, top-AFA).
    """
    values, where = features.sort(dim=-1, descending=True)
    norms = values.square().cumsum(-1).sqrt()
    # Of equally near ones the first: entries of zero, which are last, make no vector longer.
    k = (norms - length[..., None]).abs().argmin(-1, keepdim=True) + 1
    kept = torch.arange(features.shape[-1], device=features.device) < k
    return torch.zeros_like(features).scatter(-1, where, torch.where(kept, values, 0.0))
