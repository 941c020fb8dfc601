"""Tiers: variants of one model that are each hard in another way, and one that is hard in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.symmetries import SYMMETRIES, Transformation, Variant, compose
from mib.errors import did_you_mean

RAW = "raw"
"""The tier of the compiled model itself."""

TRANSFORMATIONS: Mapping[str, Transformation] = {**SYMMETRIES, **HARDENINGS}
"""Every symmetry and every hardening, by name."""


@dataclass(frozen=True)
class Tier:
    """One tier.

    Attributes:
        name: After ``@`` in the name of a model.
        description: One line.
        steps: The transformations, in the order in which they are applied.
        optional: Steps that are left out where a model does not allow them.
    """

    name: str
    description: str
    steps: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def apply(self, model: CompiledModel, *, seed: int = 0) -> Variant:
        """The model on this tier.

        Args:
            model: A compiled model.
            seed: Seed of every random choice.

        Raises:
            VariantError: If the model does not allow a step that is not optional.
        """
        variant = compose(model, [], seed=seed)
        for index, name in enumerate(self.steps):
            try:
                variant = variant.then(TRANSFORMATIONS[name], seed=seed + index)
            except VariantError:
                if name not in self.optional:
                    raise
        named = replace(variant.model, name=f"{model.name}@{self.name}")
        return Variant(model, named, variant.nodes)


_TURN = ("gauge_qk", "gauge_ov", "permute_neurons", "scale_neurons", "permute_heads", "rotate")
_DISTRACT = ("decoys", "guest", "dense")
_REPEAT = ("copies", "backup")
_OPTIONAL = ("guest", "dense", "backup")

TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier("rotated", "the same function in rotated, permuted and rescaled weights", _TURN),
        Tier("soft", "attention and thresholds as far from saturation as decoding stays exact", ("soft",)),
        Tier(
            "distractors",
            "decoys, another program beside it, an unembedding that reads everything",
            (*_DISTRACT, "permute_heads"),
            _OPTIONAL,
        ),
        Tier("redundancy", "a head in two copies, and a backup for a head", _REPEAT, _OPTIONAL),
        Tier("cancelling", "heads that write opposites: each edge live alone, all needless", ("cancelling",)),
        Tier("votes", "a part in three copies, of which two decide: no cut of one shows", ("votes",)),
        Tier("all", "soft, redundant, distracted and rotated", ("soft", *_REPEAT, *_DISTRACT, *_TURN), _OPTIONAL),
    )
}
"""Tiers above the compiled model itself whose truth is exact, by name."""

SUPERPOSED = Tier("superposed", "fewer dimensions than directions; its truth is measured, not exact", ("superposed",))
"""A tier apart: its edges are live by witness, the rest is measured."""


def variant_of(model: CompiledModel, names: str, *, seed: int = 0) -> CompiledModel:
    """Make the variant that ``reverse@all`` or ``reverse@decoys+rotate`` names: a model on a tier, or transformed.

    Args:
        model: A compiled model.
        names: The part after ``@``: a tier, or names of transformations joined by ``+``.
        seed: Seed of every random choice.

    Raises:
        VariantError: For an unknown name, or a model that does not allow a transformation.
    """
    if names in TIERS:
        return TIERS[names].apply(model, seed=seed).model
    if names == SUPERPOSED.name:
        return SUPERPOSED.apply(model, seed=seed).model
    steps = names.split("+")
    for name in steps:
        if name not in TRANSFORMATIONS:
            known = (*TIERS, *TRANSFORMATIONS)
            raise VariantError(
                f"unknown variant '{name}' of '{model.name}'.{did_you_mean(name, known)} Choose a tier "
                f"({', '.join(TIERS)}) or transformations joined by '+' ({', '.join(TRANSFORMATIONS)})."
            )
    return compose(model, [TRANSFORMATIONS[name] for name in steps], seed=seed).model
