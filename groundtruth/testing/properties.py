"""The properties by name, for the plug-in, the command ``groundtruth repro`` and the table of built-in methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from groundtruth.errors import GroundTruthError
from groundtruth.model import CompiledModel
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
from groundtruth.testing.recovery_properties import assert_exact_at_logits, assert_recovers
from groundtruth.testing.repeatability import (
    assert_batch_size_free,
    assert_deterministic,
    assert_example_order_free,
    assert_no_mutation,
    assert_scale_equivariant,
)
from groundtruth.testing.symmetry_properties import assert_ignores_decoys, assert_invariant
from groundtruth.variants.symmetries import SYMMETRIES
from mib.errors import did_you_mean
from mib.localization.registry import Method


@dataclass(frozen=True)
class Property:
    """Something that must hold of a localization method, or of a featurizer.

    Attributes:
        name: What ``--property`` and the table call it.
        description: One line.
        check: Raises ``MethodFailure`` if it does not hold of a method on a model.
        sound: Whether it must hold of every sound method; the others say how good one is, or of what kind.
    """

    name: str
    description: str
    check: Callable[..., None]
    sound: bool = True

    def __call__(self, method: Any, model: CompiledModel | str, **how: Any) -> None:
        """Raise ``MethodFailure`` if it does not hold. Featurizers are asked about a ``variable`` at a ``site``."""
        self.check(method, model, **how)


def _under(symmetry: str, method: str | Method, model: CompiledModel | str, **how: Any) -> None:
    assert_invariant(method, symmetry, model=model, **how)


PROPERTIES: Mapping[str, Property] = {
    item.name: item
    for item in (
        Property("recovers", "live edges rank above the others", assert_recovers, sound=False),
        Property("exact_at_logits", "an edge into the logits scores what its cut costs", assert_exact_at_logits, False),
        Property("deterministic", "running again changes no bit", assert_deterministic),
        Property("no_mutation", "model and inputs are left as they were", assert_no_mutation),
        Property("batch_size_free", "batches of one example change nothing", assert_batch_size_free),
        Property("example_order_free", "the order of the examples changes nothing", assert_example_order_free),
        Property("scale_equivariant", "a metric of another scale changes nothing else", assert_scale_equivariant),
        Property("ignores_decoys", "active parts that nothing reads score nothing", assert_ignores_decoys),
        *(
            Property(f"invariant:{name}", f"scores are the same with {symmetry.description}", partial(_under, name))
            for name, symmetry in SYMMETRIES.items()
        ),
    )
}


def _featurizer_under(symmetry: str, method: Any, model: CompiledModel | str, **how: Any) -> None:
    assert_featurizer_invariant(method, symmetry, model, **how)


FEATURIZER_PROPERTIES: Mapping[str, Property] = {
    item.name: item
    for item in (
        Property("finds", "interchanges of what is found do what the causal model says", assert_finds_variable, False),
        Property("makes_nothing_up", "nothing is found where values are shuffled", assert_makes_nothing_up),
        Property("deterministic", "running again changes no bit", assert_featurizer_deterministic),
        Property("no_mutation", "model and inputs are left as they were", assert_featurizer_no_mutation),
        Property("batch_size_free", "batches of one pair change nothing", assert_featurizer_batch_size_free),
        Property("example_order_free", "the order of the pairs changes nothing", assert_featurizer_example_order_free),
        Property("seed_free", "other random numbers find a variable as well", assert_featurizer_seed_free),
        Property("ignores_decoys", "active parts that nothing reads are not swapped", assert_featurizer_ignores_decoys),
        Property("equivariant", "what is found turns with the residual stream", assert_featurizer_equivariant),
        *(
            Property(
                f"invariant:{name}", f"a variable is found as well with {symmetry.description}",
                partial(_featurizer_under, name),
            )
            for name, symmetry in SYMMETRIES.items()
        ),
    )
}  # fmt: skip


def property_named(name: str, properties: Mapping[str, Property] = PROPERTIES) -> Property:
    """The property of a name.

    Args:
        name: What ``--property`` calls it.
        properties: Of localization methods, or ``FEATURIZER_PROPERTIES``.

    Raises:
        GroundTruthError: If there is none; the message offers the closest names.
    """
    if name not in properties:
        raise GroundTruthError(
            f"unknown property '{name}'.{did_you_mean(name, properties)} Choose from {', '.join(properties)}."
        )
    return properties[name]
