"""Repeat one property of one method on one model: what ``groundtruth repro`` runs."""

import importlib
import sys
from pathlib import Path
from typing import Any

from groundtruth.specs import find_compiled
from groundtruth.testing.cached_models import PROPERTY
from groundtruth.testing.failure import MethodFailure
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, property_named
from groundtruth.user_methods import load_featurizer, load_localizer
from mib import featurization
from mib.errors import MethodError
from mib.featurization import FeaturizerMethod, as_featurizer
from mib.localization import Localizer, as_localizer, get


def named_method(spec: str) -> Localizer:
    """A method by what a user calls it: a registered name, ``my_file.py:my_method`` or ``my_pkg.my_mod:my_method``.

    Raises:
        MethodError: If there is none.
    """
    if ".py:" in spec:
        return load_localizer(spec).method
    return as_localizer(_imported(spec, FeaturizerMethod, "Featuriz")) if ":" in spec else get(spec)


def named_featurizer(spec: str) -> FeaturizerMethod:
    """A featurizer by what a user calls it; see ``named_method``.

    Raises:
        MethodError: If there is none.
    """
    if ".py:" in spec:
        return load_featurizer(spec).method
    return as_featurizer(_imported(spec, Localizer, "Localiz")) if ":" in spec else featurization.get(spec)


def repeat(model: str, method: str, check: str, **how: Any) -> str:
    """What is wrong, as the failing test said it; an empty string if all is well.

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


def _imported(spec: str, other: type, theirs: str) -> Any:
    """The function of a module that is installed, or lies below the working directory.

    Args:
        spec: ``my_pkg.my_mod:my_method``.
        other: What methods of the other kind are.
        theirs: What the annotations of the other kind's functions name.
    """
    module, _, name = spec.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise MethodError(f"'{spec}' cannot be imported: {error}. Write my_pkg.my_mod:my_method.") from error
    if isinstance(found, other) or theirs in str(getattr(found, "__annotations__", "")):
        kind, option = ("featurizer",) * 2 if other is FeaturizerMethod else ("localization method", "method")
        raise MethodError(f"'{spec}' is a {kind}: give it to --groundtruth-{option}.")
    return found
