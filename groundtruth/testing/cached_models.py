"""Cache of what many properties ask for again: models by name, their variants, and tasks; none is handed out."""

from functools import lru_cache
from typing import Any

from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.variables import featurization_task
from groundtruth.model import CompiledModel
from groundtruth.specs import find_compiled
from groundtruth.user_sources import is_own_spec
from groundtruth.variants.hardenings.decoys import add_decoys
from groundtruth.variants.variant import Transformation, Variant
from mib.featurization import FeaturizationTask
from mib.localization.task import LocalizationTask

PROPERTY = "a property of its variants"
"""The use that needs a compiled model, since a trained one has no variants."""

DECOYS = Transformation("decoys", "heads and neurons that write where nothing reads", add_decoys)


def model_of(named: CompiledModel | str) -> CompiledModel:
    """Return a model, or load what the command line would call it; a user's file is read again each time."""
    if isinstance(named, CompiledModel):
        return named
    return find_compiled(named, PROPERTY) if is_own_spec(named) else _found(named)


@lru_cache(maxsize=64)
def variant_of(transformation: Transformation, model: CompiledModel, seed: int) -> Variant:
    """Make the variant that a transformation makes of a model."""
    return transformation.apply(model, seed=seed)


@lru_cache(maxsize=64)
def localization_task_of(model: CompiledModel, **how: Any) -> LocalizationTask:
    """Make the task that localization methods are held to; copy it before a method gets it."""
    return localization_task(model, **how)


@lru_cache(maxsize=64)
def featurization_task_of(model: CompiledModel, variable: str, site: str, **how: Any) -> FeaturizationTask:
    """Make the task that featurizers are held to; copy it before a method gets it."""
    return featurization_task(model, variable, site, **how)


@lru_cache(maxsize=64)
def _found(name: str) -> CompiledModel:
    return find_compiled(name, PROPERTY)
