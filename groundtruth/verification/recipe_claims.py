"""How a model says that it was made, done again: its program compiled anew, and each step of its recipe applied."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.recipe import Step
from groundtruth.compiler.compile_program import compile_unchecked
from groundtruth.errors import GroundTruthError
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.store.catalog import shipped
from groundtruth.variants.hardenings.directions import in_directions
from groundtruth.variants.make_variant import TRANSFORMATIONS
from groundtruth.variants.mixture import MIXTURES, mix_programs
from groundtruth.variants.tiers import TRANSFORMED, Tier
from groundtruth.verification.repeat_step import repeat_step
from mib.errors import did_you_mean

_ROUNDING = 1e-9
"""Beside the largest weight of an array, made again on another processor; a change of basis errs by some 1e-13."""

_MADE = {"backup", "voter", "majority", "cancelling", "ignored", "ignoring"}
"""Roles that no compiled model has."""

_WRITERS = ("W_E", "W_pos", "W_O", "W_out")
_READERS = ("W_Q", "W_K", "W_V", "W_in", "W_U")


def require_recipe(model: CompiledNetwork) -> str:
    """See that a model is what its recipe makes of its program.

    Returns:
        Words for what was done.

    Raises:
        GroundTruthError: If a step is unknown or impossible, the name tells of other steps, or other weights or
            another provenance come out.
    """
    # The name first: it is what a reader sees, and a recipe that it does not tell of would be made again for nothing.
    _require_name(model)
    if not model.recipe:
        return _as_compiled(model)
    mixed = model.recipe[0].name in MIXTURES
    made = replace(_mixed(model, model.recipe[0]) if mixed else _compiled(model), check=model.check)
    steps = model.recipe[1:] if mixed else model.recipe
    # Superposition is the last step and is not repeated: its directions are solved for below.
    for step in steps[:-1] if model.certainty == "measured" else steps:
        made = repeat_step(step, TRANSFORMATIONS[step.name].make, made).model
    if model.certainty == "measured":
        _require_superposed(model, made, model.recipe[-1])
    else:
        _require_same(model, made)
    return f"the program compiled anew, then {', '.join(map(str, model.recipe))}, is this model"


def _require_name(model: CompiledNetwork) -> None:
    """See that name, certainty and frame tell of the steps that the recipe has."""
    names = [step.name for step in model.recipe]
    spelt = ", ".join(names) or "empty"
    for index, name in enumerate(names):
        if name not in TRANSFORMATIONS and (index or name not in MIXTURES):
            raise GroundTruthError(f"the recipe has a step '{name}'.{did_you_mean(name, TRANSFORMATIONS)}")
    if ("superposed" in names) != (model.certainty == "measured") or "superposed" in names[:-1]:
        raise GroundTruthError(
            f"its certainty is '{model.certainty}', but its recipe is {', '.join(names) or 'empty'}."
        )
    _, at, told = model.name.partition("@")
    if bool(at) != bool(names) or (at and not _tells(told.split("+"), names)):
        raise GroundTruthError(f"it is called '{model.name}', but its recipe is {spelt}.")
    roles = {item.role for item in (*model.provenance.heads, *model.provenance.neurons)}
    if not names and (model.frame is not None or model.decoder.centered or roles & _MADE):
        raise GroundTruthError("its recipe is empty, but it has a frame, a backup or centered logits.")


def _tells(parts: list[str], names: list[str]) -> bool:
    """Tell whether the parts of a name, tiers or transformations, stand for these steps in this order."""
    if not parts:
        return not names
    tier: Tier | None = TRANSFORMED.get(parts[0])
    if (
        (parts[0] in TRANSFORMATIONS or parts[0] in MIXTURES)
        and names[:1] == parts[:1]
        and _tells(parts[1:], names[1:])
    ):
        return True
    return tier is not None and any(
        _tells(parts[1:], names[n:]) for n in range(len(names) + 1) if _is_of_tier(tier, names[:n])
    )


def _is_of_tier(tier: Tier, names: list[str]) -> bool:
    """Tell whether these are all steps of a tier, but for optional ones that the model did not allow."""
    left = list(names)
    for step in tier.steps:
        if left[:1] == [step]:
            left.pop(0)
        elif step not in tier.optional:
            return False
    return not left


def _compiled(model: CompiledNetwork) -> CompiledModel:
    name = model.name.partition("@")[0]
    return compile_unchecked(model.program, model.domain, causal=model.causal, name=name, settings=model.settings)


def _mixed(model: CompiledNetwork, step: Step) -> CompiledModel:
    """The mixture of the programs that the recipe names, mixed anew."""
    base, told = model.name.partition("@")[0], dict(step.parameters)
    if {*told} != {"other"} or not {base, told["other"]} <= {*shipped()}:
        raise GroundTruthError(f"the step {step} does not mix '{base}' with another model that ships.")
    return mix_programs(load_compiled(base), step.name, seed=step.seed, other=told["other"])


def _as_compiled(model: CompiledNetwork) -> str:
    try:
        _require_same(model, _compiled(model))
    except Exception as error:  # compiling may fail in many ways where tables lack what cannot occur
        return f"not transformed; compiling its program now does not give it ({error})"
    return "not transformed: compiling its program now gives these weights"


def _require_same(model: CompiledNetwork, made: CompiledNetwork) -> None:
    for name, array in made.weights.arrays().items():
        _require_close(name, getattr(model.weights, name), torch.from_numpy(np.asarray(array)))
    if (model.frame is None) != (made.frame is None):
        raise GroundTruthError("what the recipe makes of its program has another frame.")
    if model.frame is not None and made.frame is not None:
        _require_close("frame", model.frame, made.frame)
    if model.decoder.centered != made.decoder.centered:
        raise GroundTruthError("what the recipe makes of its program has logits that are read otherwise.")
    for part in ("directions", "heads", "neurons"):
        own, other = getattr(model.provenance, part), getattr(made.provenance, part)
        if own != other:
            first = next((str(x) for x, y in zip(own, other, strict=False) if x != y), f"{len(other)} of them")
            raise GroundTruthError(f"what the recipe makes of its program has other {part}, first {first}.")


def _require_close(name: str, own: Tensor, other: Tensor) -> None:
    if own.shape != other.shape:
        raise GroundTruthError(
            f"what the recipe makes of its program has {name} of shape {list(other.shape)}, not {list(own.shape)}."
        )
    if own.numel() and bool((own - other).abs().max() > _ROUNDING * max(1.0, float(other.abs().max()))):
        raise GroundTruthError(f"what the recipe makes of its program has another {name}.")


def _require_superposed(model: CompiledNetwork, made: CompiledModel, step: Step) -> None:
    """See that there are unit vectors that embed all weights of a model in directions into these.

    They are solved for and not sought by the optimisation again, whose rounding differs between processors.
    """
    bare = in_directions(made)
    if (model.provenance.heads, model.provenance.neurons) != (bare.provenance.heads, bare.provenance.neurons):
        raise GroundTruthError("what the recipe makes of its program has other heads or neurons.")
    wide, narrow = _rows(bare), _rows(model)
    if len(wide) != len(narrow):
        raise GroundTruthError("what the recipe makes of its program has arrays of other shapes.")
    # Rows differ in size by powers of ten; unscaled, least squares would see the largest alone.
    scale = wide.abs().amax(1, keepdim=True).clamp_min(1e-300)
    wide, narrow = wide / scale, narrow / scale
    vectors = torch.linalg.lstsq(wide, narrow, driver="gelsd").solution
    if bool((wide @ vectors - narrow).abs().max() > _ROUNDING * max(1.0, float(narrow.abs().max()))):
        raise GroundTruthError("its weights are not those of its program in fewer dimensions.")
    told: Mapping[str, Any] = dict(step.parameters)
    found: dict[str, float] = {"directions": wide.shape[1], "dimensions": narrow.shape[1]}
    # Else some direction is used by no weight, so that its vector is not determined and its length says nothing.
    if int(torch.linalg.matrix_rank(wide)) == wide.shape[1]:
        gram = vectors @ vectors.T
        if bool((gram.diagonal() - 1).abs().max() > 1e-6):
            raise GroundTruthError("its directions do not lie along unit vectors.")
        found["coherence"] = float((gram - torch.eye(len(gram), dtype=gram.dtype)).abs().max())
    for name, value in found.items():
        if not isinstance(told.get(name), int | float) or abs(told[name] - value) > 1e-6:
            raise GroundTruthError(f"the step '{step.name}' says {name} {told.get(name)}; it is {value:.6g}.")
    if strange := set(told) - {"directions", "dimensions", "coherence"}:
        raise GroundTruthError(f"the step '{step.name}' has no parameter '{min(strange)}'.")


def _rows(model: CompiledNetwork) -> Tensor:
    """All that is written and all by which is read, one a row [row, d_model]; rows of zeros say nothing."""
    w = model.weights
    written = [getattr(w, name).flatten(0, -2) for name in _WRITERS]
    read = [getattr(w, name).transpose(-1, -2).flatten(0, -2) for name in _READERS if name != "W_U"]
    return torch.cat([*written, *read, w.W_U.T])
