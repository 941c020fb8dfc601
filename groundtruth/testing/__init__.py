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
    from groundtruth.testing.failure import MethodFailure
    from groundtruth.testing.featurizer_properties import (
        assert_featurizer_batch_size_free,
        assert_featurizer_deterministic,
        assert_featurizer_example_order_free,
        assert_featurizer_no_mutation,
        assert_featurizer_seed_free,
        assert_finds_variable,
        assert_makes_nothing_up,
    )
    from groundtruth.testing.featurizer_symmetries import (
        assert_featurizer_equivariant,
        assert_featurizer_ignores_decoys,
        assert_featurizer_invariant,
    )
    from groundtruth.testing.properties import FEATURIZER_PROPERTIES, PROPERTIES, Property, property_named
    from groundtruth.testing.recovery_properties import assert_exact_at_logits, assert_recovers
    from groundtruth.testing.repeatability import (
        assert_batch_size_free,
        assert_deterministic,
        assert_example_order_free,
        assert_no_mutation,
        assert_scale_equivariant,
    )
    from groundtruth.testing.symmetry_properties import assert_ignores_decoys, assert_invariant

_HOMES = {
    "FEATURIZER_PROPERTIES": "groundtruth.testing.properties",
    "MethodFailure": "groundtruth.testing.failure",
    "PROPERTIES": "groundtruth.testing.properties",
    "Property": "groundtruth.testing.properties",
    "assert_batch_size_free": "groundtruth.testing.repeatability",
    "assert_deterministic": "groundtruth.testing.repeatability",
    "assert_exact_at_logits": "groundtruth.testing.recovery_properties",
    "assert_example_order_free": "groundtruth.testing.repeatability",
    "assert_featurizer_batch_size_free": "groundtruth.testing.featurizer_properties",
    "assert_featurizer_deterministic": "groundtruth.testing.featurizer_properties",
    "assert_featurizer_equivariant": "groundtruth.testing.featurizer_symmetries",
    "assert_featurizer_example_order_free": "groundtruth.testing.featurizer_properties",
    "assert_featurizer_ignores_decoys": "groundtruth.testing.featurizer_symmetries",
    "assert_featurizer_invariant": "groundtruth.testing.featurizer_symmetries",
    "assert_featurizer_no_mutation": "groundtruth.testing.featurizer_properties",
    "assert_featurizer_seed_free": "groundtruth.testing.featurizer_properties",
    "assert_finds_variable": "groundtruth.testing.featurizer_properties",
    "assert_ignores_decoys": "groundtruth.testing.symmetry_properties",
    "assert_invariant": "groundtruth.testing.symmetry_properties",
    "assert_makes_nothing_up": "groundtruth.testing.featurizer_properties",
    "assert_no_mutation": "groundtruth.testing.repeatability",
    "assert_recovers": "groundtruth.testing.recovery_properties",
    "assert_scale_equivariant": "groundtruth.testing.repeatability",
    "property_named": "groundtruth.testing.properties",
}
"""The module in which each public name lives."""

__all__ = [
    "FEATURIZER_PROPERTIES",
    "PROPERTIES",
    "MethodFailure",
    "Property",
    "assert_batch_size_free",
    "assert_deterministic",
    "assert_exact_at_logits",
    "assert_example_order_free",
    "assert_featurizer_batch_size_free",
    "assert_featurizer_deterministic",
    "assert_featurizer_equivariant",
    "assert_featurizer_example_order_free",
    "assert_featurizer_ignores_decoys",
    "assert_featurizer_invariant",
    "assert_featurizer_no_mutation",
    "assert_featurizer_seed_free",
    "assert_finds_variable",
    "assert_ignores_decoys",
    "assert_invariant",
    "assert_makes_nothing_up",
    "assert_no_mutation",
    "assert_recovers",
    "assert_scale_equivariant",
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
