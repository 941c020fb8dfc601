"""Variants with the same function, circuit and variables in other weights: what no sound method may be disturbed by.

>>> variant = SYMMETRIES["rotate"].apply(groundtruth.load("reverse"), seed=1)
>>> variant.model, variant.edges  # the turned model, and where each edge is in it
>>> variant.require_same_truth()  # the circuit, proven on the variant itself
"""

from collections.abc import Mapping, Sequence

from groundtruth.model import CompiledModel
from groundtruth.variants.symmetries.gauges import gauge_ov, gauge_qk
from groundtruth.variants.symmetries.insertions import insert_heads, insert_layers
from groundtruth.variants.symmetries.permutations import permute_heads, permute_neurons, scale_neurons
from groundtruth.variants.symmetries.residual_basis import embed, rotate
from groundtruth.variants.variant import Symmetry, Transformation, Variant, same_nodes

__all__ = ["SYMMETRIES", "Symmetry", "Transformation", "Variant", "compose"]

SYMMETRIES: Mapping[str, Symmetry] = {
    symmetry.name: symmetry
    for symmetry in (
        Symmetry("rotate", "the residual stream turned by a random orthogonal matrix", rotate),
        Symmetry("embed", "the residual stream in a wider one, by a random isometry", embed),
        Symmetry("gauge_qk", "queries and keys of each head in another basis", gauge_qk),
        Symmetry("gauge_ov", "values and outputs of each head in another basis", gauge_ov),
        Symmetry("permute_neurons", "neurons in another order", permute_neurons),
        Symmetry("scale_neurons", "neurons on another positive scale", scale_neurons),
        Symmetry("permute_heads", "heads in another order", permute_heads),
        Symmetry("insert_heads", "heads of zeros in every layer", insert_heads),
        Symmetry("insert_layers", "layers of zeros", insert_layers),
    )
}
"""Every symmetry by name: ``SYMMETRIES[name](model, seed=0)`` is a model, ``.apply(model, seed=0)`` a ``Variant``."""


def compose(model: CompiledModel, transformations: Sequence[Transformation], *, seed: int = 0) -> Variant:
    """Several transformations, one after the other.

    Args:
        model: A compiled model.
        transformations: In the order in which they are applied.
        seed: Seed of all their random choices.
    """
    variant = Variant(model, model, same_nodes(model))
    for index, transformation in enumerate(transformations):
        variant = variant.then(transformation, seed=seed + index)
    return variant
