"""Variants by name: a model on a tier, or with transformations one after the other."""

from collections.abc import Mapping
from dataclasses import replace

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel, KnownModel, require_compiled
from groundtruth.store.catalog import LAYERNORM
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.variants.hardenings import HARDENINGS
from groundtruth.variants.layer_norm import add_layer_norm
from groundtruth.variants.mixture import MIXTURES, mix_programs
from groundtruth.variants.symmetries import SYMMETRIES, Transformation, Variant, compose
from groundtruth.variants.tiers import RAW, TIERS, TRANSFORMED, Tier
from groundtruth.variants.trained_symmetries import trained_variant_of
from mib.errors import did_you_mean

TRANSFORMATIONS: Mapping[str, Transformation] = {**SYMMETRIES, **HARDENINGS}
"""Every symmetry and every hardening, by name."""


def apply_tier(tier: Tier, model: CompiledModel, *, seed: int = 0) -> Variant:
    """Make the variant of a model that stands on a tier.

    Args:
        tier: One of the tiers.
        model: A compiled model.
        seed: Seed of every random choice.

    Raises:
        VariantError: If the model does not allow a step that is not optional.
    """
    variant = compose(model, [], seed=seed)
    for index, name in enumerate(tier.steps):
        try:
            variant = variant.then(TRANSFORMATIONS[name], seed=seed + index)
        except VariantError:
            if name not in tier.optional:
                raise
    named = replace(variant.model, name=f"{model.name}@{tier.name}")
    return Variant(model, named, variant.nodes)


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
    if names in TRANSFORMED:
        return apply_tier(TRANSFORMED[names], model, seed=seed).model
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
        if name == RAW:
            raise VariantError(f"'{RAW}' is '{model.name}' itself, as compiled. Leave out '{RAW}'.")
        if name not in TRANSFORMATIONS:
            tiers = (*TIERS, LAYERNORM, *MIXTURES)
            raise VariantError(
                f"unknown variant '{name}' of '{model.name}'.{did_you_mean(name, (*tiers, *TRANSFORMATIONS))} Choose a "
                f"tier ({', '.join(tiers)}) or transformations joined by '+' ({', '.join(TRANSFORMATIONS)})."
            )
    return compose(model, [TRANSFORMATIONS[name] for name in steps], seed=seed).model
