"""Properties that must hold of any sound method, as assertions for pytest, and how much a method must find.

>>> from groundtruth.testing import assert_invariant, assert_recovers
>>> assert_recovers(my_method, "hist", auroc=0.9)
>>> assert_invariant(my_method, "rotate")

Importing the package imports nothing heavy, so that pytest starts as fast with the plug-in as without it: every name
is fetched from its module when it is first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundtruth.testing.contract import Promise, check_featurizer_method, check_method
    from groundtruth.testing.failure import MethodFailure
    from groundtruth.testing.properties import (
        FEATURIZER_PROPERTIES,
        LOCALIZER_PROPERTIES,
        PROPERTIES,
        Property,
        property_named,
    )
    from groundtruth.testing.recovery_properties import (
        assert_exact_at_logits,
        assert_finds_variable,
        assert_makes_nothing_up,
        assert_recovers,
    )
    from groundtruth.testing.repeatability import (
        assert_batch_size_free,
        assert_deterministic,
        assert_example_order_free,
        assert_no_mutation,
        assert_scale_equivariant,
        assert_seed_free,
    )
    from groundtruth.testing.symmetry_properties import assert_equivariant, assert_ignores_decoys, assert_invariant

_HOMES = {
    "FEATURIZER_PROPERTIES": "groundtruth.testing.properties",
    "LOCALIZER_PROPERTIES": "groundtruth.testing.properties",
    "MethodFailure": "groundtruth.testing.failure",
    "PROPERTIES": "groundtruth.testing.properties",
    "Promise": "groundtruth.testing.contract",
    "Property": "groundtruth.testing.properties",
    "assert_batch_size_free": "groundtruth.testing.repeatability",
    "assert_deterministic": "groundtruth.testing.repeatability",
    "assert_equivariant": "groundtruth.testing.symmetry_properties",
    "assert_exact_at_logits": "groundtruth.testing.recovery_properties",
    "assert_example_order_free": "groundtruth.testing.repeatability",
    "assert_finds_variable": "groundtruth.testing.recovery_properties",
    "assert_ignores_decoys": "groundtruth.testing.symmetry_properties",
    "assert_invariant": "groundtruth.testing.symmetry_properties",
    "assert_makes_nothing_up": "groundtruth.testing.recovery_properties",
    "assert_no_mutation": "groundtruth.testing.repeatability",
    "assert_recovers": "groundtruth.testing.recovery_properties",
    "assert_scale_equivariant": "groundtruth.testing.repeatability",
    "assert_seed_free": "groundtruth.testing.repeatability",
    "check_featurizer_method": "groundtruth.testing.contract",
    "check_method": "groundtruth.testing.contract",
    "property_named": "groundtruth.testing.properties",
}
"""The module in which each public name lives."""

__all__ = [
    "FEATURIZER_PROPERTIES",
    "LOCALIZER_PROPERTIES",
    "MethodFailure",
    "PROPERTIES",
    "Promise",
    "Property",
    "assert_batch_size_free",
    "assert_deterministic",
    "assert_equivariant",
    "assert_exact_at_logits",
    "assert_example_order_free",
    "assert_finds_variable",
    "assert_ignores_decoys",
    "assert_invariant",
    "assert_makes_nothing_up",
    "assert_no_mutation",
    "assert_recovers",
    "assert_scale_equivariant",
    "assert_seed_free",
    "check_featurizer_method",
    "check_method",
    "property_named",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'groundtruth.testing' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
