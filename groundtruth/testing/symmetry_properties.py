"""Properties of both tracks: what results must follow, and what they must pass over, when the model's weights change.

Every assertion takes a localization method and a model, or a featurizer, a model, a ``variable`` and a ``site``.
"""

from typing import Any

import torch
from torch import Tensor

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.testing.any_trial import AnyMethod, trial_of
from groundtruth.testing.cached_models import DECOYS, variant_of
from groundtruth.testing.featurizer_trial import TOLERANCE, FeaturizerTrial, difference_line, site_in
from groundtruth.testing.localizer_trial import LocalizerTrial
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.variants.variant import Transformation, Variant
from mib.errors import did_you_mean
from mib.featurization.registry import Method as FeaturizerFunction

MODEL = "has_larger"
"""A small model with attention and MLPs, for properties that hold of any model."""

SCORE_TOLERANCE = {"invariant": 1e-4, "ignores_decoys": 1e-3}
"""Share of the largest score by which scores may differ, by property: more than in a repeated run, as a variant
computes the same function with other numbers."""


def assert_invariant(
    method: AnyMethod,
    symmetry: str | Transformation,
    *,
    model: CompiledModel | str = MODEL,
    variant_seed: int = 1,
    tolerance: float | None = None,
    **how: Any,
) -> None:
    """Assert that results move with the model under a symmetry.

    Each edge scores what it did, and added edges score nothing; a featurizer finds its variable as well as before,
    wherever the site went.

    Args:
        method: A function of a task, or the name of a registered method.
        symmetry: One of ``groundtruth.variants.symmetries.SYMMETRIES``, or its name.
        model: A compiled model, or what the command line would call it.
        variant_seed: Seed of the symmetry's random choices.
        tolerance: A share of the largest score; for a featurizer a difference of interchange accuracies.
        how: See ``assert_deterministic``.

    Raises:
        MethodFailure: Naming the edge that differs most, or both accuracies.
        VariantError: For an unknown symmetry, or one that the model does not have.
    """
    chosen = symmetry_named(symmetry)
    trial = trial_of(method, model, **how)
    variant = variant_of(chosen, trial.model, variant_seed)
    what, check = f"sees a difference in '{chosen.name}'", f"invariant:{chosen.name}"
    if isinstance(trial, FeaturizerTrial):
        after = trial.on(variant.model, site_in(trial.place, variant)).accuracy
        trial.require_as_good(after, what, check=check, tolerance=tolerance)
    elif isinstance(trial, LocalizerTrial):
        scores = trial.on(variant.model).result
        limit = SCORE_TOLERANCE["invariant"] if tolerance is None else tolerance
        trial.require_same(trial.moved_back(scores, variant), what, check=check, tolerance=limit)
        trial.require_nothing_added(scores, variant, f"scores what '{chosen.name}' adds", check=check)


def assert_equivariant(
    method: str | FeaturizerFunction,
    model: CompiledModel | str,
    *,
    variant_seed: int = 1,
    tolerance: float = TOLERANCE,
    **how: Any,
) -> None:
    """Assert that what a featurizer finds turns with the residual stream: turned vectors are interchanged as before.

    This is more than ``assert_invariant`` asks: a method that starts from random directions may find as good a
    subspace, and another one. The values that a head mixes do not turn; at their site the same is to be found.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variant_seed: Seed of the rotation.
        tolerance: By how much a coordinate may differ, of vectors of unit variance.
        how: See ``assert_deterministic``.

    Raises:
        MethodFailure: With the greatest difference.
    """
    trial = FeaturizerTrial.of(method, model, **how)
    variant = variant_of(SYMMETRIES["rotate"], trial.model, variant_seed)
    turn = _rotation_at_site(trial, variant).to(trial.dtype)
    base, source = trial.vectors
    found = trial.on(variant.model).result
    with torch.no_grad():
        turned_back = found.interchange(base @ turn, source @ turn) @ turn.T
    difference = float((turned_back - trial.numbers).abs().max())
    if difference > tolerance:
        what = "finds what does not turn with the residual stream"
        raise trial.failure(what, difference_line(difference), check="equivariant")


def assert_ignores_decoys(
    method: AnyMethod,
    model: CompiledModel | str = MODEL,
    *,
    variant_seed: int = 1,
    tolerance: float | None = None,
    share: float = 0.01,
    **how: Any,
) -> None:
    """Assert that heads and neurons that are strongly active and write where nothing reads change nothing.

    They score nothing, and the other edges score what they did; a featurizer finds its variable as well as without
    them, and swaps nothing where only they write.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variant_seed: Seed of the decoys.
        tolerance: A share of the largest score; for a featurizer a difference of interchange accuracies.
        share: Largest part, of the squared length of all that a featurizer's interchanges change, that may lie where
            only decoys write.
        how: See ``assert_deterministic``.

    Raises:
        MethodFailure: Naming the edge that differs most or the best ranked edge of a decoy; or with both accuracies or
            the share.
    """
    trial, check = trial_of(method, model, **how), "ignores_decoys"
    variant = variant_of(DECOYS, trial.model, variant_seed)
    if isinstance(trial, FeaturizerTrial):
        beside = trial.on(variant.model)
        trial.require_as_good(beside.accuracy, "finds another thing beside decoys", check=check, tolerance=tolerance)
        if (taken := _share_of_decoys(beside)) > share:
            text = f"{taken:.2g} of what its interchanges change lies where only decoys write; at most {share:g}"
            raise trial.failure("takes in decoys", ("share", text), check=check)
    elif isinstance(trial, LocalizerTrial):
        scores = trial.on(variant.model).result
        limit = SCORE_TOLERANCE[check] if tolerance is None else tolerance
        # Decoys first: a method that scores them often shifts the other scores too, and they are the cause.
        trial.require_nothing_added(scores, variant, "scores decoys", check=check)
        what = "scores real edges otherwise beside decoys"
        trial.require_same(trial.moved_back(scores, variant), what, check=check, tolerance=limit)


def symmetry_named(symmetry: str | Transformation) -> Transformation:
    """Return a symmetry by its name, or itself.

    Raises:
        VariantError: If there is none of that name; the message offers the closest ones.
    """
    if isinstance(symmetry, Transformation):
        return symmetry
    if symmetry not in SYMMETRIES:
        hint = did_you_mean(symmetry, SYMMETRIES)
        raise VariantError(f"unknown symmetry '{symmetry}'.{hint} Choose from {', '.join(SYMMETRIES)}.")
    return SYMMETRIES[symmetry]


def _rotation_at_site(trial: FeaturizerTrial, variant: Variant) -> Tensor:
    """Give what the vectors of the site are multiplied by in the rotated variant [d_site, d_site]."""
    if trial.place.kind == "head" and trial.place.output == "z":
        return torch.eye(trial.task.width, dtype=torch.float64)
    after, before = variant.model.frame, trial.model.frame
    if after is None:
        raise RuntimeError("a rotated model has a frame")
    # Frames lead from the basis of the program: back to it, then on to the variant's.
    return after if before is None else before.T @ after


def _share_of_decoys(trial: FeaturizerTrial) -> float:
    """Measure the share, of all that interchanges of test pairs change, in directions that decoys write to."""
    if trial.place.kind == "head" and trial.place.output == "z":
        return 0.0  # a decoy writes elsewhere
    model = trial.model
    rows = [i for i, direction in enumerate(model.provenance.directions) if direction.kind == "decoy"]
    frame = torch.eye(model.weights.d_model, dtype=torch.float64) if model.frame is None else model.frame
    base, source = (x.flatten(0, 1) for x in trial.task.activations(trial.task.split.test))
    with torch.no_grad():
        changes = trial.result.interchange(base, source) - base
    total = float(changes.square().sum())
    return float((changes @ frame[rows].T.to(changes)).square().sum()) / total if total else 0.0
