"""Search random programs for one on which a method lacks a property, and shrink it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyFailure

from groundtruth.model import CompiledModel
from groundtruth.testing.failure import DoesNotApply, MethodFailure
from groundtruth.testing.featurizer_trial import FeaturizerTrial, require_applicable
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.testing.random_programs import compiled_models, variable_places
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer

_UNCHECKED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
"""Health checks that do not fit: a program is compiled, compared on its whole domain, and proven, which takes time."""


def search(
    check: str,
    method: Localizer | FeaturizerMethod,
    *,
    examples: int,
    depth: tuple[int, int],
    derandomized: bool = True,
    shrink: bool = True,
    **how: Any,
) -> None:
    """Hold a method to a property on random models; a featurizer on variables of theirs.

    Args:
        check: Name of the property.
        method: The method.
        examples: How many models.
        depth: Their layers, least and most.
        derandomized: True to draw the same models each time.
        shrink: True to look for the smallest of the models that fail.
        how: Arguments of the property's assertion.

    Raises:
        MethodFailure: On the smallest model that was found to fail.
    """
    settled = _settings(examples, derandomized, shrink)
    if isinstance(method, FeaturizerMethod):
        asked = property_named(check, FEATURIZER_PROPERTIES)

        def holds_of_variable(place: tuple[CompiledModel, str, str]) -> None:
            model, variable, site = place
            with suppress(DoesNotApply):
                require_applicable(FeaturizerTrial.of(method, model, variable, site))
                asked(method, model, variable=variable, site=site, **how)

        _run(settled(given(variable_places(depth=depth))(holds_of_variable)))
    else:

        def holds(model: CompiledModel) -> None:
            property_named(check)(method, model, **how)

        _run(settled(given(compiled_models(depth=depth))(holds)))


def _settings(examples: int, derandomized: bool, shrink: bool) -> Callable[[Callable[[], None]], Callable[[], None]]:
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
    """Run a Hypothesis test; raise what a method failed with, also if it fails only now and then."""
    try:
        test()
    except FlakyFailure as flaky:
        failures = [error for error in flaky.exceptions if isinstance(error, MethodFailure)]
        if not failures:
            raise
        raise failures[0] from flaky
