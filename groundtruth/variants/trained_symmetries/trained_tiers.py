"""The symmetries of trained models by name, and the tier ``rotated`` that composes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from groundtruth.errors import VariantError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.variants.tiers import TURNED
from groundtruth.variants.trained_symmetries.component_orders import (
    reorder_heads,
    reorder_neurons,
    rescale_neurons,
    scales_neurons,
)
from groundtruth.variants.trained_symmetries.head_bases import change_query_bases, change_value_bases
from groundtruth.variants.trained_symmetries.idle_components import add_idle_heads, add_idle_layers
from groundtruth.variants.trained_symmetries.stream_basis import turn_stream, widen_stream
from groundtruth.variants.trained_symmetries.trained_variant import TrainedSymmetry, TrainedVariant
from groundtruth.variants.variant import same_nodes
from mib.errors import did_you_mean

ROTATED = "rotated"
"""The tier that turns, reorders and rescales all that the architecture allows."""

TRAINED_SYMMETRIES: Mapping[str, TrainedSymmetry] = {
    name: TrainedSymmetry(name, SYMMETRIES[name].description, make)
    for name, make in (
        ("rotate", turn_stream),
        ("embed", widen_stream),
        ("gauge_qk", change_query_bases),
        ("gauge_ov", change_value_bases),
        ("permute_neurons", reorder_neurons),
        ("scale_neurons", rescale_neurons),
        ("permute_heads", reorder_heads),
        ("insert_heads", add_idle_heads),
        ("insert_layers", add_idle_layers),
    )
}
"""Every symmetry by name: ``TRAINED_SYMMETRIES[name](model, seed=0)`` is a model, ``.apply(model)`` says more."""

TRAINED_VARIANTS = (ROTATED, *TRAINED_SYMMETRIES)
"""All that can follow ``@`` behind the name of a trained model."""


def rotated_steps(shape: Architecture) -> tuple[str, ...]:
    """The steps of the tier ``rotated`` that an architecture allows: all, but for scaled neurons under GELU."""
    return tuple(name for name in TURNED if name != "scale_neurons" or scales_neurons(shape))


def compose_trained(model: TrainedModel, names: Sequence[str], *, seed: int = 0) -> TrainedVariant:
    """Several symmetries, one after the other.

    Args:
        model: A trained model.
        names: Names of symmetries, in the order in which they are applied.
        seed: Seed of the first; each further one has the next.

    Raises:
        VariantError: For an unknown name, or what the architecture does not allow.
    """
    variant = TrainedVariant(model, model, same_nodes(model))
    for index, name in enumerate(names):
        if name not in TRAINED_SYMMETRIES:
            raise VariantError(_refusal(model, name))
        variant = variant.then(TRAINED_SYMMETRIES[name], seed=seed + index)
    return variant


def trained_variant_of(model: TrainedModel, names: str, *, seed: int = 0) -> TrainedModel:
    """Make the variant that ``hist@free-0@rotated`` or ``hist@free-0@embed+permute_heads`` names.

    Its circuit is enumerated when it is first asked for.

    Args:
        model: A trained model.
        names: The part after the last ``@``.
        seed: Seed of every random choice.

    Raises:
        VariantError: For an unknown name, what is for compiled models alone, or what the architecture does not allow.
    """
    if names != ROTATED:
        return compose_trained(model, names.split("+"), seed=seed).model
    variant = compose_trained(model, rotated_steps(model.architecture), seed=seed).model
    return replace(variant, name=f"{model.name}@{ROTATED}")


def _refusal(model: TrainedModel, name: str) -> str:
    allowed = ", ".join(TRAINED_VARIANTS)
    return (
        f"the trained model '{model.name}' has no variant '{name}'.{did_you_mean(name, TRAINED_VARIANTS)} Variants "
        "that give it other parts are for compiled models, of which every direction and neuron is known. Choose from "
        f"{allowed}; all but {ROTATED} may be joined by '+'."
    )
