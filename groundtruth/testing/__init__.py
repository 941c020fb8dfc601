"""Assertions about methods, for pytest: what must hold of any sound one, and how much it must find.

>>> from groundtruth.testing import assert_invariant, assert_recovers
>>> assert_recovers(my_method, "hist", auroc=0.9)
>>> assert_invariant(my_method, "rotate")
"""

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
