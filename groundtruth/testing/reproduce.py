"""Repeat one property of one method on one model: what ``groundtruth repro`` runs."""

from typing import Any

from groundtruth.specs import find_compiled
from groundtruth.testing.cached_models import PROPERTY
from groundtruth.testing.failure import MethodFailure
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.user_methods import find_featurizer, find_localizer


def repeat(model: str, method: str, check: str, **how: Any) -> str:
    """Return what is wrong, as the failing test said it; an empty string if all is well.

    Args:
        model: ``gen:CODE``, or whatever else names a model.
        method: See ``find_localizer``; a featurizer where ``how`` names a variable.
        check: A property.
        how: Arguments of its assertion.

    Raises:
        GroundTruthError: For an unknown property or model.
        MethodError: For an unknown method, or one that breaks its contract.
    """
    try:
        if "variable" in how:
            asked, found = property_named(check, FEATURIZER_PROPERTIES), find_featurizer(method)
        else:
            asked, found = property_named(check), find_localizer(method)
        # The model last: it may be compiled for this, and a misspelt name is told at once.
        asked(found, find_compiled(model, PROPERTY), **how)
    except MethodFailure as failure:
        return str(failure)
    return ""
