"""What a find must follow, and what it must pass over: symmetries of the model, and parts that nothing reads."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import DECOYS, variant_of
from groundtruth.testing.featurizer_properties import AS_WELL, TOLERANCE, require_as_good
from groundtruth.testing.featurizer_trial import Search
from groundtruth.testing.symmetry_properties import symmetry_named
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.variants.variant import Transformation, Variant
from mib.featurization.registry import Method
from mib.site import Site


def assert_featurizer_invariant(
    method: str | Method,
    symmetry: str | Transformation,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    variant_seed: int = 1,
    tolerance: float = AS_WELL,
    **how: Any,
) -> None:
    """A method finds a variable as well after a symmetry of the model, wherever its site went.

    Args:
        method: A function of a task, or the name of a registered method.
        symmetry: One of ``groundtruth.variants.symmetries.SYMMETRIES``, or its name.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought.
        variant_seed: Of the symmetry's random choices.
        tolerance: By how much the interchange accuracy may differ.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With both accuracies.
        VariantError: For an unknown symmetry, or one that the model does not have.
    """
    chosen = symmetry_named(symmetry)
    search = Search.of(method, model, variable, site, **how)
    variant = variant_of(chosen, search.model, variant_seed)
    after = search.on(variant.model, _moved(search.place, variant)).accuracy
    what, check = f"sees a difference in '{chosen.name}'", f"invariant:{chosen.name}"
    require_as_good(search, after, what, tolerance, check=check)


def assert_featurizer_equivariant(
    method: str | Method,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    variant_seed: int = 1,
    tolerance: float = TOLERANCE,
    **how: Any,
) -> None:
    """When the residual stream is turned, what is found turns with it: an interchange makes of turned vectors the same.

    This is more than ``assert_featurizer_invariant`` asks: a method that starts from random directions may find as
    good a subspace, and another one.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought. The values that a head mixes do not turn; there the same is to be found.
        variant_seed: Of the rotation.
        tolerance: By how much a coordinate may differ, of vectors of unit variance.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With the greatest difference.
    """
    search = Search.of(method, model, variable, site, **how)
    variant = variant_of(SYMMETRIES["rotate"], search.model, variant_seed)
    turn = _turn(search, variant).to(search.dtype)
    base, source = search.vectors
    found = search.on(variant.model).found
    with torch.no_grad():
        turned = found.interchange(base @ turn, source @ turn) @ turn.T
    difference = float((turned - search.swapped(search.found)).abs().max())
    if difference > tolerance:
        line = ("difference", f"{difference:.3g} in what an interchange makes of vectors of unit variance")
        raise search.failure("finds what does not turn with the residual stream", line, check="equivariant")


def assert_featurizer_ignores_decoys(
    method: str | Method,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    variant_seed: int = 1,
    share: float = 0.01,
    tolerance: float = AS_WELL,
    **how: Any,
) -> None:
    """Beside heads and neurons that write where nothing reads, a variable is found as well, and without them.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought.
        variant_seed: Of the decoys.
        share: Of the squared length of all that interchanges change, at most so much where only decoys write.
        tolerance: By how much the interchange accuracy may differ.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With both accuracies, or with the share.
    """
    search = Search.of(method, model, variable, site, **how)
    variant = variant_of(DECOYS, search.model, variant_seed)
    beside = search.on(variant.model)
    require_as_good(search, beside.accuracy, "finds another thing beside decoys", tolerance, check="ignores_decoys")
    if (taken := _share_of_decoys(beside)) > share:
        line = ("share", f"{taken:.2g} of what its interchanges change lies where only decoys write; at most {share:g}")
        raise search.failure("takes in decoys", line, check="ignores_decoys")


def _moved(site: Site, variant: Variant) -> Site:
    """Where a site of the original is in its variant."""
    layer = int(variant.nodes[f"m{site.layer}"].removeprefix("m"))
    if site.kind != "head":
        return replace(site, layer=layer)
    place = variant.model.graph.locate(variant.nodes[f"a{site.layer}.h{site.head}"])
    return replace(site, layer=layer, head=place.head)


def _turn(search: Search, variant: Variant) -> Tensor:
    """What the vectors of the site are multiplied by in the rotated variant [d_site, d_site]."""
    if search.place.kind == "head" and search.place.output == "z":
        return torch.eye(search.task.width, dtype=torch.float64)
    after, before = variant.model.frame, search.model.frame
    if after is None:
        raise RuntimeError("a rotated model has a frame")
    return after if before is None else before.T @ after


def _share_of_decoys(search: Search) -> float:
    """Of all that interchanges of test pairs change, the share in directions that decoys write to."""
    if search.place.kind == "head" and search.place.output == "z":
        return 0.0  # a decoy writes elsewhere
    model = search.model
    rows = [i for i, direction in enumerate(model.provenance.directions) if direction.kind == "decoy"]
    frame = torch.eye(model.weights.d_model, dtype=torch.float64) if model.frame is None else model.frame
    base, source = (x.flatten(0, 1) for x in search.task.activations(search.task.split.test))
    with torch.no_grad():
        changes = search.found.interchange(base, source) - base
    total = float(changes.square().sum())
    return float((changes @ frame[rows].T.to(changes)).square().sum()) / total if total else 0.0
