"""Tiers: variants of one model that are each hard in another way, and one that is hard in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel, KnownModel, require_compiled
from groundtruth.store.catalog import LAYERNORM
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.layer_norm import add_layer_norm
from groundtruth.variants.mixture import MIXTURES, mix_programs
from groundtruth.variants.symmetries import SYMMETRIES, TURNED, Transformation, Variant, compose
from groundtruth.variants.trained_symmetries import trained_variant_of
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


_DISTRACT = ("decoys", "guest", "dense")
_REPEAT = ("copies", "backup")
_OPTIONAL = ("guest", "dense", "backup")

TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier("rotated", "the same function in rotated, permuted and rescaled weights", TURNED),
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
        Tier("all", "soft, redundant, distracted and rotated", ("soft", *_REPEAT, *_DISTRACT, *TURNED), _OPTIONAL),
    )
}
"""Tiers above the compiled model itself whose truth is exact, by name."""

SUPERPOSED = Tier("superposed", "fewer dimensions than directions; its truth is measured, not exact", ("superposed",))
"""A tier apart: its edges are live by witness, the rest is measured."""


DESCRIBED: Mapping[str, str] = {
    **{tier.name: tier.description for tier in TIERS.values()},
    LAYERNORM: "a LayerNorm with random gains before every read, on inputs of one length",
    SUPERPOSED.name: SUPERPOSED.description,
}
"""A line about each tier above the compiled model itself."""


def variant_of(model: KnownModel, names: str, *, seed: int = 0) -> KnownModel:
    """Make the variant that ``reverse@all`` or ``reverse@decoys+rotate`` names: a model on a tier, or transformed.

    ``layernorm`` comes last, alone or after others (``reverse@votes+layernorm``); a model behind LayerNorm is certified
    as trained models are. ``mixture`` and its halves come first. A trained model has the variants that keep its
    function, ``rotated`` among them.

    Args:
        model: A compiled or a trained model.
        names: The part after ``@``: a tier, or names of transformations joined by ``+``.
        seed: Seed of every random choice.

    Raises:
        VariantError: For an unknown name, or a model that does not allow a transformation.
    """
    if isinstance(model, TrainedModel):
        return trained_variant_of(model, names, seed=seed)
    if names in TIERS:
        return TIERS[names].apply(model, seed=seed).model
    if names == SUPERPOSED.name:
        return SUPERPOSED.apply(model, seed=seed).model
    before, _, last = names.rpartition("+")
    if last == LAYERNORM:
        base = variant_of(model, before, seed=seed) if before else model
        return add_layer_norm(require_compiled(base, f"'{LAYERNORM}'"), seed=seed)
    first, _, rest = names.partition("+")
    if first in MIXTURES:
        mixed = mix_programs(model, first, seed=seed)
        return variant_of(mixed, rest, seed=seed) if rest else mixed
    steps = names.split("+")
    for name in steps:
        if name in MIXTURES:
            raise VariantError(f"'{model.name}@{names}' mixes programs after other steps. Put '{name}' first.")
        if name == LAYERNORM:
            raise VariantError(
                f"'{model.name}@{names}' goes on after '{LAYERNORM}', which comes last. Put it at the end."
            )
        if name not in TRANSFORMATIONS:
            tiers = (*TIERS, LAYERNORM, *MIXTURES)
            raise VariantError(
                f"unknown variant '{name}' of '{model.name}'.{did_you_mean(name, (*tiers, *TRANSFORMATIONS))} Choose a "
                f"tier ({', '.join(tiers)}) or transformations joined by '+' ({', '.join(TRANSFORMATIONS)})."
            )
    return compose(model, [TRANSFORMATIONS[name] for name in steps], seed=seed).model
