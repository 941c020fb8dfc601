"""Hold a method to what a profile asks: one property on one model or variable, or on random ones."""

from collections.abc import Mapping
from typing import Any

from groundtruth.errors import GroundTruthError
from groundtruth.testing.counterexamples import search
from groundtruth.testing.featurizer_trial import FeaturizerTrial, require_applicable
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.testing.pytest_profiles import Profile, Question
from groundtruth.testing.trial import PlainRuns
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer


def ask(
    method: Localizer | FeaturizerMethod,
    question: Question,
    profile: Profile,
    parameters: Mapping[str, Any] | None = None,
    *,
    shrink: bool = True,
    plain: PlainRuns | None = None,
) -> None:
    """Hold a method to a property.

    Args:
        method: A localization method or a featurizer.
        question: A question about methods of its kind.
        profile: Profile that says which random programs are drawn.
        parameters: Hyper-parameters of the method.
        shrink: True to look for the smallest random program on which the property does not hold.
        plain: Plain runs that the questions about a method share: each compares one with a run on something changed.

    Raises:
        MethodFailure: If the property does not hold.
        GroundTruthError: If there is no such property, model, variable or site.
        DoesNotApply: If a featurizer needs what is not known there, such as isolation pairs.
        MethodError: If the method breaks its contract.
    """
    how: dict[str, Any] = {**question.how, **({"parameters": parameters} if parameters else {})}
    if question.where is None:
        drawn: dict[str, Any] = {
            "examples": profile.examples,
            "depth": profile.depth,
            "derandomized": profile.derandomized,
        }
        search(question.check, method, shrink=shrink, **drawn, **how)
    elif isinstance(method, FeaturizerMethod):
        model, variable, site = place_named(question.where)
        check = property_named(question.check, FEATURIZER_PROPERTIES)
        require_applicable(FeaturizerTrial.of(method, model, variable, site))
        check(method, model, variable=variable, site=site, **how, **({"plain": plain} if check.sound else {}))
    else:
        asked = property_named(question.check)
        asked(method, question.where, **how, **({"plain": plain} if asked.sound else {}))


def place_named(where: str) -> tuple[str, str, str]:
    """Take ``model:variable@site`` apart into model, variable and site.

    Raises:
        GroundTruthError: If it is not written so.
    """
    rest, at, site = where.rpartition("@")
    model, colon, variable = rest.rpartition(":")
    if not at or not colon or not model or not variable:
        raise GroundTruthError(f"'{where}' names no variable; write model:variable@site (hist:hist@resid_post0).")
    return model, variable, site
