"""A step of a recipe done again, for a proof that it made what is stored."""

import inspect
from collections.abc import Callable
from typing import TypeVar

from groundtruth.compiled.recipe import Step
from groundtruth.errors import GroundTruthError
from groundtruth.variants.variant import generator_of

Made = TypeVar("Made")


def repeat_step(step: Step, make: Callable[..., Made], before: object) -> Made:
    """Apply a step of a recipe to a model again, with what it measured taken from the recipe, not sought again.

    Args:
        step: The step, as the file has it.
        make: The transformation of that name: of a model, a generator of random numbers and the step's parameters.
        before: The model.

    Raises:
        GroundTruthError: If the step has parameters that are not the transformation's, or cannot be done.
    """
    known, given = inspect.signature(make).parameters, dict(step.parameters)
    if strange := set(given) - set(known):
        raise GroundTruthError(f"the step '{step.name}' has no parameter '{min(strange)}'.")
    try:
        return make(before, generator_of(step.name, step.seed), **given)
    except GroundTruthError:
        raise
    except Exception as error:
        raise GroundTruthError(f"the step {step} cannot be done: {type(error).__name__}: {error}") from error
