"""The ladder: one model on rungs that are each hard in another way, and on one that is hard in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundtruth.errors import TwinError
from groundtruth.hardening import HARDENINGS
from groundtruth.model import CompiledModel
from groundtruth.symmetries import SYMMETRIES, Transformation, Twin, compose
from mib.errors import did_you_mean

RAW = "raw"
"""The rung of the compiled model itself."""

TRANSFORMATIONS: Mapping[str, Transformation] = {**SYMMETRIES, **HARDENINGS}
"""Every symmetry and every hardening, by name."""


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder.

    Attributes:
        name: After ``@`` in the name of a model.
        description: One line.
        steps: The transformations, in the order in which they are applied.
        optional: Those that are left out where a model does not allow them.
    """

    name: str
    description: str
    steps: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def apply(self, model: CompiledModel, *, seed: int = 0) -> Twin:
        """The model on this rung.

        Args:
            model: A compiled model.
            seed: Of every random choice.

        Raises:
            TwinError: If the model does not allow a step that is not optional.
        """
        twin = compose(model, [], seed=seed)
        for index, name in enumerate(self.steps):
            try:
                twin = twin.then(TRANSFORMATIONS[name], seed=seed + index)
            except TwinError:
                if name not in self.optional:
                    raise
        named = replace(twin.model, name=f"{model.name}@{self.name}")
        return Twin(model, named, twin.nodes)


_TURN = ("gauge_qk", "gauge_ov", "permute_neurons", "scale_neurons", "permute_heads", "rotate")
_DISTRACT = ("decoys", "guest", "dense")
_REPEAT = ("copies", "backup")
_OPTIONAL = ("guest", "dense", "backup")

LADDER: Mapping[str, Rung] = {
    rung.name: rung
    for rung in (
        Rung("rotated", "the same function in rotated, permuted and rescaled weights", _TURN),
        Rung("soft", "attention and thresholds as far from saturation as decoding stays exact", ("soft",)),
        Rung(
            "distractors",
            "decoys, another program beside it, an unembedding that reads everything",
            (*_DISTRACT, "permute_heads"),
            _OPTIONAL,
        ),
        Rung("redundancy", "a head in two copies, and a backup for a head", _REPEAT, _OPTIONAL),
        Rung("all", "soft, redundant, distracted and rotated", ("soft", *_REPEAT, *_DISTRACT, *_TURN), _OPTIONAL),
    )
}
"""The rungs above the compiled model itself whose truth is exact, by name."""

SUPERPOSED = Rung("superposed", "fewer dimensions than directions; its truth is measured, not exact", ("superposed",))
"""A rung beside the ladder: its edges are live by witness, the rest is measured."""


def twin_of(model: CompiledModel, names: str, *, seed: int = 0) -> CompiledModel:
    """A model on a rung, or after transformations: what ``reverse@all`` or ``reverse@decoys+rotate`` means.

    Args:
        model: A compiled model.
        names: What comes after ``@``: a rung, or names of transformations joined by ``+``.
        seed: Of every random choice.

    Raises:
        TwinError: For an unknown name, or a model that does not allow a transformation.
    """
    if names in LADDER:
        return LADDER[names].apply(model, seed=seed).model
    if names == SUPERPOSED.name:
        return SUPERPOSED.apply(model, seed=seed).model
    steps = names.split("+")
    for name in steps:
        if name not in TRANSFORMATIONS:
            known = (*LADDER, *TRANSFORMATIONS)
            raise TwinError(
                f"unknown twin '{name}' of '{model.name}'.{did_you_mean(name, known)} Choose a rung "
                f"({', '.join(LADDER)}) or transformations joined by '+' ({', '.join(TRANSFORMATIONS)})."
            )
    return compose(model, [TRANSFORMATIONS[name] for name in steps], seed=seed).model
