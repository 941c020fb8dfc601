"""Search random programs for one on which a method lacks a property, and shrink it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyFailure

from groundtruth.model import CompiledModel
from groundtruth.testing.failure import DoesNotApply, MethodFailure
from groundtruth.testing.featurizer_trial import Search, require_applicable
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.testing.random_programs import compiled_models, variable_places
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer

_UNCHECKED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
"""A program takes its time: it is compiled, compared on its whole domain, and proven."""


def search(
    check: str,
    method: Localizer,
    *,
    examples: int,
    depth: tuple[int, int],
    derandomized: bool = True,
    shrink: bool = True,
    **how: Any,
) -> None:
    """Hold a localization method to a property on random models.

    Args:
        check: The property.
        method: The method.
        examples: How many models.
        depth: Their layers, least and most.
        derandomized: Whether the same models are drawn each time.
        shrink: Whether the smallest is sought of those that fail.
        how: Arguments of the property's assertion.

    Raises:
        MethodFailure: On the smallest model that was found to fail.
    """

    def holds(model: CompiledModel) -> None:
        property_named(check)(method, model, **how)

    _run(_settled(examples, derandomized, shrink)(given(compiled_models(depth=depth))(holds)))


def search_variables(
    check: str,
    method: FeaturizerMethod,
    *,
    examples: int,
    depth: tuple[int, int],
    derandomized: bool = True,
    shrink: bool = True,
    **how: Any,
) -> None:
    """Hold a featurizer to a property on variables of random models. Arguments and errors as ``search``."""

    def holds(place: tuple[CompiledModel, str, str]) -> None:
        model, variable, site = place
        with suppress(DoesNotApply):
            require_applicable(Search.of(method, model, variable, site))
            property_named(check, FEATURIZER_PROPERTIES)(method, model, variable=variable, site=site, **how)

    _run(_settled(examples, derandomized, shrink)(given(variable_places(depth=depth))(holds)))


def _settled(examples: int, derandomized: bool, shrink: bool) -> Callable[[Callable[[], None]], Callable[[], None]]:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=derandomized,
        suppress_health_check=_UNCHECKED,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
    )


def _run(test: Callable[[], None]) -> None:
    """Run a Hypothesis test; of a method that fails only now and then, raise what it failed with."""
    try:
        test()
    except FlakyFailure as flaky:
        failures = [error for error in flaky.exceptions if isinstance(error, MethodFailure)]
        if not failures:
            raise
        raise failures[0] from flaky
