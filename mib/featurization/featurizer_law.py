"""Whether a featurizer keeps its law, so that an interchange swaps features and nothing else.

The error channel and redundant features are loopholes. With f = x, err = x and an inverse that computes the answer
from the two, accuracy is 1 and the way there and back is exact. What such a map cannot do is to give back the
features and the error that were put together from two inputs: that is what is measured, besides the round trip.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.errors import MethodError
from mib.featurization.featurizer import Featurizer, Law, orthonormality_error

TOLERANCE = 1e-3
"""Share of the largest entry: what single precision and a deep bijection may lose."""


@dataclass(frozen=True)
class FeaturizerCheck:
    """How far a featurizer is from its law; all numbers are shares of the largest entry, 0 is exact.

    Attributes:
        law: Its promise.
        round_trip: inverse(featurize(x)) against x.
        mixed: features of inverse(features of two inputs mixed, error of one) against those features.
        leak: Their error against that error: whether the error channel depends on the features.
        bent: Distance of the inverse from an affine map.
        crowd: Difference that the others of its batch make to the result for one vector.
        rotation: Distance of the maps from those of the stated rotation, and of that from orthonormal.
        tolerance: Largest error that is allowed.
    """

    law: Law
    round_trip: float
    mixed: float
    leak: float
    bent: float
    crowd: float
    rotation: float
    tolerance: float

    @property
    def problems(self) -> tuple[str, ...]:
        """Give what is wrong, in words; empty if the law is kept."""
        laws = {
            "bijection": ("round_trip", "mixed", "leak", "crowd", "rotation"),
            "dictionary": ("round_trip", "bent", "crowd", "rotation"),
            "lossy dictionary": ("bent", "crowd", "rotation"),
        }
        broken = [name for name in laws[self.law] if not getattr(self, name) <= self.tolerance]
        return tuple(f"{_WORDS[name]} ({name} {getattr(self, name):.1e})" for name in broken)

    @property
    def ok(self) -> bool:
        """True if the law is kept."""
        return not self.problems


_WORDS = {
    "round_trip": "inverse(*featurize(x)) is not x",
    "mixed": "features put together from two inputs do not come back from the vector that they make",
    "leak": "the error changes with the features",
    "bent": "the inverse is not affine in features and error",
    "crowd": "a vector's result depends on the rest of its batch, or changes from call to call",
    "rotation": "the maps are not those of an orthonormal rotation",
}


@torch.no_grad()
def measure_featurizer(
    featurizer: Featurizer,
    base: Float[Tensor, "batch d_site"],
    source: Float[Tensor, "batch d_site"] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> FeaturizerCheck:
    """Measure how far a featurizer is from its law, on pairs of vectors.

    Args:
        featurizer: Featurizer to measure.
        base: Vectors, best those that it will be scored on.
        source: As many; default: the same in another order.
        tolerance: Largest error that is allowed, as a share of the largest entry.

    Raises:
        MethodError: If the maps give tensors of the wrong shape.
    """
    source = base.roll(1, 0) if source is None else source
    features, error = _applied(featurizer, base)
    others, other_error = _applied(featurizer, source)
    # Where a site holds nothing but zeros, as behind an idle head, there is no size to take shares of.
    law, scale = featurizer.law, _size(base) or 1.0
    mixtures = _mixtures(featurizer, features, others)
    mixed = leak = bent = 0.0
    for mixture, rest in mixtures:
        back, back_error = _applied(featurizer, featurizer.inverse(mixture, error))
        mixed = max(mixed, _size(back - mixture) / max(_size(features), scale))
        leak = max(leak, _size(back_error - error) / scale)
        bent = max(bent, _bent(featurizer, (mixture, error), (rest, other_error)) / scale)
        bent = max(bent, _bent(featurizer, (mixture, error), (features, error)) / scale)
    return FeaturizerCheck(
        law=law,
        round_trip=_size(featurizer.inverse(features, error) - base) / scale,
        mixed=mixed,
        leak=leak,
        bent=bent,
        crowd=_crowd(featurizer, base, features, error) / max(_size(features), scale),
        rotation=_off_rotation(featurizer, base, features, error) / scale,
        tolerance=tolerance,
    )


def check_featurizer(
    featurizer: Featurizer,
    base: Float[Tensor, "batch d_site"],
    source: Float[Tensor, "batch d_site"] | None = None,
    *,
    tolerance: float = TOLERANCE,
    by: str = "the featurizer",
) -> FeaturizerCheck:
    """Refuse a featurizer that breaks its law; arguments as of ``measure_featurizer``.

    Args:
        featurizer: Featurizer to check.
        base: Vectors, best those that it will be scored on.
        source: As many; default: the same in another order.
        tolerance: Largest error that is allowed, as a share of the largest entry.
        by: Its name in an error.

    Raises:
        MethodError: Naming all that is broken.
    """
    check = measure_featurizer(featurizer, base, source, tolerance=tolerance)
    if not check.ok:
        raise MethodError(
            f"{by} is no {check.law}: {'; '.join(check.problems)}. At most {tolerance:.0e} of the largest entry is "
            "allowed. An interchange with it could do more than swap features."
        )
    return check


def _applied(featurizer: Featurizer, x: Tensor) -> tuple[Tensor, Tensor]:
    features, error = featurizer.featurize(x)
    if features.shape != (*x.shape[:-1], featurizer.n_features) or error.shape[:-1] != x.shape[:-1]:
        raise MethodError(
            f"featurize of vectors {tuple(x.shape)} gave features {tuple(features.shape)} and an error "
            f"{tuple(error.shape)}; expected {(*x.shape[:-1], featurizer.n_features)} and {(*x.shape[:-1], '...')}."
        )
    if featurizer.law == "lossy dictionary" and error.shape[-1]:
        raise MethodError(f"a lossy dictionary has no error; featurize gave one of width {error.shape[-1]}.")
    back = featurizer.inverse(features, error)
    if back.shape != x.shape:
        raise MethodError(f"inverse gave vectors {tuple(back.shape)}; expected {tuple(x.shape)}.")
    return features, error


def _mixtures(featurizer: Featurizer, features: Tensor, others: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Features of two inputs mixed, each with what is left: all swapped, the selected ones, and random halves."""
    # Fixed: whether a featurizer keeps its law must not be chance.
    generator = torch.Generator().manual_seed(0)
    selected = torch.zeros(featurizer.n_features, dtype=torch.bool)
    selected[list(featurizer.indices)] = True
    half = torch.rand(featurizer.n_features, generator=generator) < 0.5
    swaps = [torch.ones_like(selected), selected, half, ~half]
    placed = (swap.to(features.device) for swap in swaps)
    return [(torch.where(swap, others, features), torch.where(swap, features, others)) for swap in placed]


def _bent(featurizer: Featurizer, one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """Return how far the inverse of points on a line is from the line through the inverses."""
    start, end = featurizer.inverse(*one), featurizer.inverse(*other)
    off = 0.0
    # Between the points and beyond: a map may be straight only inside of what it was trained on.
    for share in (0.5, 2.0):
        point = featurizer.inverse(*(torch.lerp(a, b, share) for a, b in zip(one, other, strict=True)))
        off = max(off, _size(point - torch.lerp(start, end, share)) / max(1.0, share))
    return off


def _crowd(featurizer: Featurizer, x: Tensor, features: Tensor, error: Tensor) -> float:
    """Return how far results for vectors in other company differ: in reverse order, and half of them alone."""
    half = x[: max(1, len(x) // 2)]
    reverse, reverse_error = featurizer.featurize(x.flip(0))
    part, part_error = featurizer.featurize(half)
    back = featurizer.inverse(features, error)
    differences = (
        reverse.flip(0) - features,
        reverse_error.flip(0) - error,
        part - features[: len(half)],
        part_error - error[: len(half)],
        featurizer.inverse(features.flip(0), error.flip(0)).flip(0) - back,
    )
    return max(_size(difference) for difference in differences)


def _off_rotation(featurizer: Featurizer, x: Tensor, features: Tensor, error: Tensor) -> float:
    if featurizer.rotation is None:
        return 0.0
    rotation = featurizer.rotation.to(x)
    off = (_size(features - x @ rotation), _size(error - (x - x @ rotation @ rotation.T)))
    return max(*off, orthonormality_error(rotation))


def _size(x: Tensor) -> float:
    """The largest entry; infinite where one is no number."""
    size = float(x.abs().max()) if x.numel() else 0.0
    # NaN compares as false with everything, and would pass as small.
    return size if size == size else float("inf")
