"""The tier that a model stands on, by its name, and the shipped models of a tier."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from groundtruth.errors import DomainError
from groundtruth.store.catalog import LAYERNORM, TRAINED, shipped_layernorm, shipped_trained, shipped_variants
from groundtruth.trained.kinds import Kind
from groundtruth.variants.tiers import MIXED, MIXTURE, RAW, SUPERPOSED, TIERS
from mib.errors import did_you_mean

TIER_NAMES = (RAW, *TIERS)
"""From the compiled model itself to the variant that is hard in all ways; on all of them the truth is exact."""

ALL_TIERS = (*TIER_NAMES, MIXTURE, LAYERNORM, TRAINED, SUPERPOSED.name)
"""Every tier, in the order in which tables have them; all but the last have an exact truth."""

IMPLICIT = "implicit"
"""The tier of variables that are yet to be computed where they are sought, in models as compiled."""

VARIABLE_TIERS = (*TIER_NAMES, LAYERNORM, IMPLICIT, TRAINED)
"""The tiers of the variable track, in the order in which tables have them."""


def base_and_tier(model: str) -> tuple[str, str]:
    """A name such as ``hist@soft`` as the model and the tier; every trained model and its variants are on one tier."""
    base, _, variant = model.partition("@")
    if any(part.partition("-")[0] in get_args(Kind) for part in Path(model).name.split("@")[1:]):
        return base, TRAINED
    return base, LAYERNORM if variant.startswith(f"{LAYERNORM}@") else variant or RAW


def mixtures() -> list[str]:
    """The names of the mixtures that are a tier, sorted; they are made when they are asked for."""
    return [f"{base}@{MIXTURE}" for base in MIXED]


def require_tiers(tiers: Sequence[str]) -> list[str]:
    """Check names of tiers.

    Raises:
        DomainError: If there is no tier of a name; the message offers the closest.
    """
    for tier in tiers:
        if tier not in ALL_TIERS:
            raise DomainError(
                f"unknown tier '{tier}'.{did_you_mean(tier, ALL_TIERS)} Choose from {', '.join(ALL_TIERS)}."
            )
    return list(tiers)


def models_on(tier: str, bases: Sequence[str] = ()) -> list[str]:
    """The variants or trained models on a tier above the raw one, sorted: those that ship, of mixtures those of a list.

    Args:
        tier: Name of the tier.
        bases: Only the variants of these models; all if none is named. Trained models are never left out.

    Raises:
        DomainError: If none ships on the tier.
    """
    if tier == TRAINED:
        found = shipped_trained()
    else:
        ships = shipped_layernorm() if tier == LAYERNORM else [*shipped_variants(), *mixtures()]
        variants = [(name, *base_and_tier(name)) for name in ships]
        found = [name for name, base, own in variants if own == tier and (not bases or base in bases)]
    if not found:
        raise DomainError(f"no model ships on the tier '{tier}'. Name models of it, such as --models hist@{tier}.")
    return found
