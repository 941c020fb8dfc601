"""The models of a run on all tiers, refused before the run if no tier can be made of any."""

from collections.abc import Sequence

from groundtruth.errors import DomainError, VariantError
from groundtruth.results.model_tiers import base_and_tier
from groundtruth.results.tiers_run import tier_models
from groundtruth.specs import find_model
from groundtruth.store.catalog import stored
from groundtruth.variants.tiers import RAW


def choose_tier_models(models: Sequence[str] | None = None) -> list[str]:
    """Name every tier of some models; a tier that cannot be made of one is left out by the run, which says why.

    Args:
        models: Without ``@``; by default those that ship on every tier.

    Raises:
        DomainError: If a name is a variant's or a trained model's already, or no tier can be made of any model.
        GroundTruthError: If there is no such model.
    """
    names, reasons = tier_models(models), list[str]()
    for name in names:
        base, tier = base_and_tier(name)
        if tier == RAW:
            continue
        try:
            if stored(name) is None:
                find_model(name)
        except VariantError as error:
            reasons.append(f"  - {base} on the tier {tier}: {error}")
        else:
            return names  # the first that can be made is enough, so that the check costs one model
    listing = "\n".join(reasons)
    raise DomainError(
        f"--tiers: nothing is left to compare with {', '.join(models or ())} as compiled:\n{listing}\nName a model of "
        "which a tier can be made, such as --models hist, or leave out --tiers."
    )
