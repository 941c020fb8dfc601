"""Repeat one property of one method on one model: what ``groundtruth repro`` runs."""

from typing import Any

from groundtruth.specs import find_compiled
from groundtruth.testing.cached_models import PROPERTY
from groundtruth.testing.failure import MethodFailure
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.user_methods import is_own_method, load_featurizer, load_localizer
from mib import featurization
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer, get


def named_method(spec: str) -> Localizer:
    """A method by what a user calls it: a registered name, ``my_file.py:my_method`` or ``my_pkg.my_mod:my_method``.

    Raises:
        MethodError: If there is none.
    """
    return load_localizer(spec).method if is_own_method(spec) else get(spec)


def named_featurizer(spec: str) -> FeaturizerMethod:
    """A featurizer by what a user calls it; see ``named_method``.

    Raises:
        MethodError: If there is none.
    """
    return load_featurizer(spec).method if is_own_method(spec) else featurization.get(spec)


def repeat(model: str, method: str, check: str, **how: Any) -> str:
    """Return what is wrong, as the failing test said it; an empty string if all is well.

    Args:
        model: ``gen:CODE``, or whatever else names a model.
        method: See ``named_method``; a featurizer where ``how`` names a variable.
        check: A property.
        how: Arguments of its assertion.

    Raises:
        GroundTruthError: For an unknown property or model.
        MethodError: For an unknown method, or one that breaks its contract.
    """
    try:
        if "variable" in how:
            property_named(check, FEATURIZER_PROPERTIES)(
                named_featurizer(method), find_compiled(model, PROPERTY), **how
            )
        else:
            property_named(check)(named_method(method), find_compiled(model, PROPERTY), **how)
    except MethodFailure as failure:
        return str(failure)
    return ""
