"""Variants of trained models with the same function, circuit and variables in other weights, enumerated anew.

They have the names and seeds of the symmetries of compiled models. Each is as wide as the architecture allows: what a
norm, a rotary position or a nonlinearity does not commute with is left out, or refused with the reason.

>>> variant = TRAINED_SYMMETRIES["rotate"].apply(groundtruth.load("hist@free-0"), seed=1)
>>> variant.model, variant.edges  # the turned model, and where each edge is in it
>>> variant.require_same_truth()  # the circuit, enumerated on the variant itself
"""

from groundtruth.variants.trained_symmetries.trained_tiers import (
    ROTATED,
    TRAINED_SYMMETRIES,
    TRAINED_VARIANTS,
    compose_trained,
    rotated_steps,
    trained_variant_of,
)
from groundtruth.variants.trained_symmetries.trained_variant import TrainedSymmetry, TrainedVariant

__all__ = [
    "TRAINED_SYMMETRIES",
    "TRAINED_VARIANTS",
    "ROTATED",
    "rotated_steps",
    "TrainedSymmetry",
    "TrainedVariant",
    "compose_trained",
    "trained_variant_of",
]
