"""The properties by name, for the plug-in, ``groundtruth repro``, ``groundtruth check`` and the table of methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from groundtruth.errors import GroundTruthError
from groundtruth.model import CompiledModel
from groundtruth.testing.any_trial import AnyMethod
from groundtruth.testing.clauses import (
    KEEPS_INPUTS,
    KEEPS_WEIGHTS,
    LEAVES_NO_HOOKS,
    SAME_SEED_SAME_RESULT,
    Clause,
    Track,
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
from groundtruth.variants.symmetries import SYMMETRIES
from mib.errors import did_you_mean


@dataclass(frozen=True)
class Property:
    """Something that must hold of a localization method, of a featurizer, or of both.

    Attributes:
        name: Name for ``--property`` and for the table.
        description: One line.
        check: Assertion that raises ``MethodFailure`` if it does not hold of a method on a model.
        only: The one track whose methods can have it; ``None`` for both.
        sound: True if it must hold of every sound method; the others say how good one is, or of what kind.
        contract: Clauses that ``groundtruth check`` holds any method to, on mock tasks; empty if it is no contract.
    """

    name: str
    description: str
    check: Callable[..., None]
    only: Track | None = None
    sound: bool = True
    contract: tuple[Clause, ...] = ()

    def __call__(self, method: AnyMethod, model: CompiledModel | str, **how: Any) -> None:
        """Raise ``MethodFailure`` if it does not hold. Featurizers are asked about a ``variable`` at a ``site``."""
        self.check(method, model, **how)


def _assert_under(symmetry: str, method: AnyMethod, model: CompiledModel | str, **how: Any) -> None:
    assert_invariant(method, symmetry, model=model, **how)


PROPERTIES: Mapping[str, Property] = {
    item.name: item
    for item in (
        Property("recovers", "needed edges rank above the others", assert_recovers, "circuits", sound=False),
        Property(
            "exact_at_logits", "an edge into the logits scores what its cut costs", assert_exact_at_logits,
            "circuits", sound=False,
        ),
        Property(
            "finds", "interchanges of what is found do what the causal model says", assert_finds_variable,
            "variables", sound=False,
        ),
        Property(
            "makes_nothing_up", "nothing is found where values are shuffled", assert_makes_nothing_up, "variables"
        ),
        Property(
            "deterministic", "running again changes no bit", assert_deterministic, contract=(SAME_SEED_SAME_RESULT,)
        ),
        Property(
            "no_mutation", "model and inputs are left as they were", assert_no_mutation,
            contract=(KEEPS_WEIGHTS, LEAVES_NO_HOOKS, KEEPS_INPUTS),
        ),
        Property("batch_size_free", "batches of one example change nothing", assert_batch_size_free),
        Property("example_order_free", "the order of the examples changes nothing", assert_example_order_free),
        Property(
            "scale_equivariant", "a metric of another scale changes nothing else", assert_scale_equivariant, "circuits"
        ),
        Property("seed_free", "other random numbers find a variable as well", assert_seed_free, "variables"),
        Property("ignores_decoys", "active parts that nothing reads are passed over", assert_ignores_decoys),
        Property("equivariant", "what is found turns with the residual stream", assert_equivariant, "variables"),
        *(
            Property(f"invariant:{name}", f"the result is the same with {symmetry.description}",
                     partial(_assert_under, name))
            for name, symmetry in SYMMETRIES.items()
        ),
    )
}  # fmt: skip
"""Every property, of methods of both tracks."""


def properties_of(track: Track) -> dict[str, Property]:
    """Return the properties that methods of a track can have."""
    return {name: item for name, item in PROPERTIES.items() if item.only in (None, track)}


LOCALIZER_PROPERTIES: Mapping[str, Property] = properties_of("circuits")
FEATURIZER_PROPERTIES: Mapping[str, Property] = properties_of("variables")


def property_named(name: str, properties: Mapping[str, Property] = LOCALIZER_PROPERTIES) -> Property:
    """Return the property of a name.

    Args:
        name: Name for ``--property``.
        properties: Choice of properties: those of localization methods, or ``FEATURIZER_PROPERTIES``.

    Raises:
        GroundTruthError: If there is none; the message offers the closest names.
    """
    if name not in properties:
        raise GroundTruthError(
            f"unknown property '{name}'.{did_you_mean(name, properties)} Choose from {', '.join(properties)}."
        )
    return properties[name]
