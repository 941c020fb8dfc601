"""Search random programs for one on which a method lacks a property, and shrink it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure

from groundtruth.model import CompiledModel
from groundtruth.testing.failure import DoesNotApply, MethodFailure
from groundtruth.testing.featurizer_trial import FeaturizerTrial, require_applicable
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.testing.random_programs import shared_models, shared_variable_places
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer

_UNCHECKED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
"""Health checks that do not fit: a program is compiled, compared on its whole domain, and proven, which takes time."""

_SEED_OF_MODELS = (
    26822331225113151946502452434338091502972455723030680326631270560722249906987378205700610614670388132847185365593685
)
_SEED_OF_VARIABLES = (
    16177626078058802491457983405616798083055739826635366421558604722384175076849815294171795150948849408818464318839237
)
"""Seeds of the programs that are drawn when nothing is left to chance.

By itself Hypothesis takes the hash of the test's source text there, so that a change of wording here would hold
methods to other programs. These are the hashes of the tests with which ``expected_failures.toml`` was measured.
"""


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
        examples: Number of models.
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

        drawn = given(shared_variable_places(depth=depth))(holds_of_variable)
        _run(settled(seed(_SEED_OF_VARIABLES)(drawn) if derandomized else drawn))
    else:

        def holds(model: CompiledModel) -> None:
            property_named(check)(method, model, **how)

        drawn = given(shared_models(depth=depth))(holds)
        _run(settled(seed(_SEED_OF_MODELS)(drawn) if derandomized else drawn))


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
