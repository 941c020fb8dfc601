"""What scores must follow, and what they must pass over: symmetries of the model, and parts that nothing reads."""

from typing import Any

import numpy as np

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import DECOYS, variant_of
from groundtruth.testing.localizer_trial import Trial, require_same
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.variants.variant import Transformation, Variant
from mib.errors import did_you_mean
from mib.graph import EdgeScores
from mib.localization.registry import Method

MODEL = "has_larger"
"""A small model with attention and MLPs, for properties that hold of any model."""

_NOTHING = 1e-3
"""An edge that scores less than this share of what live edges do (their median) is passed over."""


def assert_invariant(
    method: str | Method,
    symmetry: str | Transformation,
    *,
    model: CompiledModel | str = MODEL,
    variant_seed: int = 1,
    tolerance: float = 1e-4,
    **how: Any,
) -> None:
    """Scores move with the model under a symmetry: each edge scores what it did, and added edges score nothing.

    Args:
        method: A function of a task, or the name of a registered method.
        symmetry: One of ``groundtruth.variants.symmetries.SYMMETRIES``, or its name.
        model: A compiled model, or what the command line would call it.
        variant_seed: Of the symmetry's random choices.
        tolerance: A share of the largest score.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most.
        VariantError: For an unknown symmetry, or one that the model does not have.
    """
    chosen = symmetry_named(symmetry)
    trial = Trial.of(method, model, **how)
    variant = variant_of(chosen, trial.model, variant_seed)
    check = f"invariant:{chosen.name}"
    scores = trial.on(variant.model).scores
    require_same(
        trial, _moved(scores, variant), f"sees a difference in '{chosen.name}'", check=check, tolerance=tolerance
    )
    _require_nothing(trial, scores, variant, f"scores what '{chosen.name}' adds", check)


def assert_ignores_decoys(
    method: str | Method,
    model: CompiledModel | str = MODEL,
    *,
    variant_seed: int = 1,
    tolerance: float = 1e-3,
    **how: Any,
) -> None:
    """Heads and neurons that are strongly active and write where nothing reads change no score, and score nothing.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variant_seed: Of the decoys.
        tolerance: A share of the largest score.
        how: ``ablation``, ``lengths``, ``seed``, ``n_pairs`` and ``parameters`` of the method.

    Raises:
        MethodFailure: Naming the edge that differs most, or the best ranked edge of a decoy.
    """
    trial = Trial.of(method, model, **how)
    variant = variant_of(DECOYS, trial.model, variant_seed)
    scores = trial.on(variant.model).scores
    _require_nothing(trial, scores, variant, "scores decoys", "ignores_decoys")
    what = "scores real edges otherwise beside decoys"
    require_same(trial, _moved(scores, variant), what, check="ignores_decoys", tolerance=tolerance)


def _moved(scores: EdgeScores, variant: Variant) -> np.ndarray:
    """The variant's scores in the order of the original's edges."""
    return np.array([scores[variant.edges[edge]] for edge in variant.original.graph.edges])


def _require_nothing(trial: Trial, scores: EdgeScores, variant: Variant, what: str, check: str) -> None:
    """Edges that only the variant has score nothing."""
    known = set(variant.edges.values())
    added = [edge for edge in scores.graph.edges if edge not in known]
    if not added:
        return
    worst = max(added, key=lambda edge: abs(scores[edge]))
    live = [abs(scores[variant.edges[edge]]) for edge in trial.circuit.edges]
    usual = float(np.median([score for score in live if score] or [0.0]))
    if abs(scores[worst]) > _NOTHING * usual:
        text = f"{worst}   score {scores[worst]:.3g}; the median of the live edges is {usual:.3g}"
        raise trial.failure(what, [("edge", text)], check=check)


def symmetry_named(symmetry: str | Transformation) -> Transformation:
    """A symmetry by its name, or itself.

    Raises:
        VariantError: If there is none of that name; the message offers the closest ones.
    """
    if isinstance(symmetry, Transformation):
        return symmetry
    if symmetry not in SYMMETRIES:
        hint = did_you_mean(symmetry, SYMMETRIES)
        raise VariantError(f"unknown symmetry '{symmetry}'.{hint} Choose from {', '.join(SYMMETRIES)}.")
    return SYMMETRIES[symmetry]
