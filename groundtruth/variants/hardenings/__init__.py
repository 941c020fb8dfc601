"""Variants that are harder than what a compiler makes, and whose truth is known all the same.

Each takes a compiled model or a variant, composes with the others and with the symmetries, and leaves the output on the
whole domain what it was. What it does to the circuit is proven on the variant.

>>> variant = HARDENINGS["decoys"](groundtruth.load("reverse"), seed=1)
>>> variant.circuit("resample")  # with the decoys' edges among the inert ones
"""

from collections.abc import Mapping
from typing import Any

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings.cancelling_pairs import add_cancelling
from groundtruth.variants.hardenings.copies import add_backup, split_head
from groundtruth.variants.hardenings.decoys import add_decoys
from groundtruth.variants.hardenings.guests import add_guest, side_by_side
from groundtruth.variants.hardenings.noise import add_noise
from groundtruth.variants.hardenings.read_decoys import add_read_decoys
from groundtruth.variants.hardenings.repair import add_repair
from groundtruth.variants.hardenings.softness import soften
from groundtruth.variants.hardenings.superposition import superpose
from groundtruth.variants.hardenings.unembedding import dense_unembedding
from groundtruth.variants.hardenings.votes import add_votes
from groundtruth.variants.variant import Transformation, Variant

__all__ = ["HARDENINGS", "Hardening", "side_by_side"]


class Hardening(Transformation):
    """A transformation that keeps the output on the domain, and changes the circuit or how hard it is to find."""

    def apply(self, model: CompiledModel, seed: int = 0, **parameters: Any) -> Variant:
        """Apply the hardening; a model in superposition, whose directions are lost, cannot be hardened further.

        Raises:
            VariantError: If it is one, or as every transformation.
        """
        if model.certainty == "measured":
            raise VariantError(f"'{model.name}' is in superposition: harden a model first, and superpose it last.")
        return super().apply(model, seed, **parameters)


HARDENINGS: Mapping[str, Hardening] = {
    hardening.name: hardening
    for hardening in (
        Hardening("decoys", "heads and neurons that read real variables and write where nothing reads", add_decoys),
        Hardening("dense", "an unembedding that reads every direction, into all logits alike", dense_unembedding),
        Hardening("guest", "another program in the same model, which nobody asks", add_guest),
        Hardening("copies", "a head split into copies that do a share of its work each", split_head),
        Hardening("backup", "a head and neurons that act when another head is cut", add_backup),
        Hardening("cancelling", "pairs of heads that write opposites, which the circuit reads", add_cancelling),
        Hardening("votes", "three copies of a component, of which any two decide", add_votes),
        Hardening("repair", "a head that takes over when a cut makes another one write a wrong value", add_repair),
        Hardening("read_decoys", "heads whose number MLPs look up to no effect, though not flat", add_read_decoys),
        Hardening("soft", "attention and thresholds as far from saturation as decoding stays exact", soften),
        Hardening("noise", "as much relative weight noise as decoding stands", add_noise),
        Hardening("superposed", "fewer dimensions than directions; its truth is measured, not exact", superpose),
    )
}
"""Every hardening by name: ``HARDENINGS[name](model, seed=0)`` is a model, ``.apply(model, seed=0)`` a ``Variant``."""
