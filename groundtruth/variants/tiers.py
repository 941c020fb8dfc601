"""Tiers: variants of one model that are each hard in another way, and one that is hard in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from groundtruth.store.catalog import LAYERNORM

RAW = "raw"
"""The tier of the compiled model itself."""

TURNED = ("gauge_qk", "gauge_ov", "permute_neurons", "scale_neurons", "permute_heads", "rotate")
"""The steps of the tier ``rotated``, in their order."""


@dataclass(frozen=True)
class Tier:
    """One tier.

    Attributes:
        name: After ``@`` in the name of a model.
        description: One line.
        steps: The transformations, in the order in which they are applied.
        optional: Steps that are left out where a model does not allow them.
    """

    name: str
    description: str
    steps: tuple[str, ...]
    optional: tuple[str, ...] = ()


_DISTRACT = ("decoys", "guest", "dense")
_REPEAT = ("copies", "backup")
_OPTIONAL = ("guest", "dense", "backup")

TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier("rotated", "the same function in rotated, permuted and rescaled weights", TURNED),
        Tier("soft", "attention and thresholds as far from saturation as decoding stays exact", ("soft",)),
        Tier(
            "distractors",
            "decoys, another program beside it, an unembedding that reads everything",
            (*_DISTRACT, "permute_heads"),
            _OPTIONAL,
        ),
        Tier("redundancy", "a head in two copies, and a backup for a head", _REPEAT, _OPTIONAL),
        Tier("cancelling", "heads that write opposites: each edge live alone, all needless", ("cancelling",)),
        Tier("votes", "a part in three copies, of which two decide: no cut of one shows", ("votes",)),
        Tier("all", "soft, redundant, distracted and rotated", ("soft", *_REPEAT, *_DISTRACT, *TURNED), _OPTIONAL),
    )
}
"""Tiers above the compiled model itself whose truth is exact, by name."""

SUPERPOSED = Tier("superposed", "fewer dimensions than directions; its truth is measured, not exact", ("superposed",))
"""A tier apart: its edges are live by witness, the rest is measured."""

TRANSFORMED: Mapping[str, Tier] = {**TIERS, SUPERPOSED.name: SUPERPOSED}
"""Every tier that transformations make, by name."""

MIXTURE = "mixture"
"""A tier apart: two programs in one model, see ``groundtruth.variants.mixture``."""

MIXED = ("contains_x", "count_x", "first_letters", "has_larger", "hist", "previous_token")
"""The models whose mixtures are that tier: small ones of several families. None ships: making one takes a second."""

DESCRIBED: Mapping[str, str] = {
    **{tier.name: tier.description for tier in TIERS.values()},
    MIXTURE: "two programs in one model and a mixed data set; the truth is both circuits and the switch",
    LAYERNORM: "a LayerNorm with random gains before every read, on inputs of one length",
    SUPERPOSED.name: SUPERPOSED.description,
}
"""A line about each tier above the compiled model itself."""
