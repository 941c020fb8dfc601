"""Sparse autoencoders as sae-lens stores them: a folder with ``cfg.json`` and ``sae_weights.safetensors``.

Read without sae-lens. Formulas (x is the activation, W_dec [feature, d_in], W_enc [d_in, feature]):
pre = (x - b_dec, where apply_b_dec_to_input) @ W_enc + b_enc; features = relu(pre) (``standard``), those of relu(pre)
with pre > threshold (``jumprelu``; sae-lens stores batch top-k so), or the k largest of relu(pre) (``topk``); x is
about features @ W_dec + b_dec. With ``rescale_acts_by_decoder_norm``, pre is times the length of each row of W_dec, and
these rows are divided by it. Source: ``saes/`` and ``loading/`` of sae-lens 6.54.
"""

import json
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mib.errors import did_you_mean
from mib.featurization.autoencoder import ErrorTerm, dictionary, largest
from mib.featurization.featurizer import Featurizer
from mib.leaderboard.formats.place_names import as_mapping, first_error, malformed

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"

ARCHITECTURES = ("standard", "topk", "jumprelu")


class _Config(BaseModel):
    """What matters of ``cfg.json``; older files name the activation function instead of the architecture."""

    model_config = ConfigDict(extra="ignore")

    d_in: StrictInt = Field(ge=1)
    d_sae: StrictInt = Field(ge=1)
    architecture: str = "standard"
    apply_b_dec_to_input: StrictBool = True
    normalize_activations: str | bool = "none"
    reshape_activations: str = "none"
    rescale_acts_by_decoder_norm: StrictBool = False
    k: StrictInt | None = Field(default=None, ge=1)


def read_sae_lens(folder: str | PathLike[str], *, error: ErrorTerm = "kept") -> Featurizer:
    """Read an autoencoder as a featurizer of all its features; ``select`` those that carry a variable.

    Args:
        folder: Where ``cfg.json`` and ``sae_weights.safetensors`` are.
        error: Whether what the autoencoder does not reconstruct is ``kept`` from the base, or ``dropped``.

    Raises:
        FormatError: If a file is missing or malformed, or the architecture is another one, naming the place.
    """
    config_path, weights_path = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    config = _config(config_path)
    weights = _weights(weights_path, config)
    centre = weights["b_dec"] if config.apply_b_dec_to_input else torch.zeros_like(weights["b_dec"])
    norms = weights["W_dec"].norm(dim=1) if config.rescale_acts_by_decoder_norm else torch.ones(config.d_sae)
    activate = _activation(config, weights)

    def encode(x: Tensor) -> Tensor:
        pre = ((x - centre.to(x)) @ weights["W_enc"].to(x) + weights["b_enc"].to(x)) * norms.to(x)
        return activate(pre)

    def decode(features: Tensor) -> Tensor:
        return features / norms.to(features) @ weights["W_dec"].to(features) + weights["b_dec"].to(features)

    return dictionary(encode, decode, config.d_sae, error=error)


def _activation(config: _Config, weights: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
    match config.architecture, config.k:
        case "topk", int(k):
            return lambda pre: largest(torch.relu(pre), k)
        case "jumprelu", _:
            return lambda pre: torch.relu(pre) * (pre > weights["threshold"].to(pre))
        case _:
            return torch.relu


def _config(path: Path) -> _Config:
    try:
        entries = dict(as_mapping(json.loads(path.read_bytes()), path, "top level"))
    except OSError as problem:
        raise malformed(path, "file", f"cannot be read: {problem.strerror or problem}") from problem
    except (ValueError, RecursionError) as problem:
        raise malformed(path, "file", f"is no JSON: {problem}") from problem
    _modernise(entries, path)
    try:
        config = _Config.model_validate(entries)
    except ValidationError as problem:
        raise first_error(path, problem) from problem
    if config.architecture not in ARCHITECTURES:
        hint = did_you_mean(config.architecture, ARCHITECTURES)
        raise malformed(
            path, "architecture", f"'{config.architecture}' is none of {', '.join(ARCHITECTURES)}.{hint} Load it with "
            "sae-lens, and pass its encode and decode to mib.featurization.dictionary"
        )  # fmt: skip
    if config.normalize_activations not in ("none", False) or config.reshape_activations != "none":
        raise malformed(
            path, "normalize_activations", f"{config.normalize_activations!r} with reshape_activations "
            f"{config.reshape_activations!r}; only 'none' is affine on the way back. Fold the scale into the weights"
        )  # fmt: skip
    if config.architecture == "topk" and config.k is None:
        raise malformed(path, "k", "is missing; a topk autoencoder needs it")
    return config


def _modernise(entries: dict[str, object], path: Path) -> None:
    """Name the architecture of files from before sae-lens 6."""
    if entries.get("activation_fn", entries.get("activation_fn_str")) == "topk":
        arguments = as_mapping(entries.get("activation_fn_kwargs", {}), path, "activation_fn_kwargs")
        entries["architecture"], entries["k"] = "topk", entries.get("k", arguments.get("k"))


def _weights(path: Path, config: _Config) -> dict[str, Tensor]:
    try:
        stored = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError) as problem:
        raise malformed(path, "file", f"cannot be read: {str(problem).rstrip('.')}") from problem
    shapes = {
        "W_enc": (config.d_in, config.d_sae),
        "W_dec": (config.d_sae, config.d_in),
        "b_enc": (config.d_sae,),
        "b_dec": (config.d_in,),
    }
    if config.architecture == "jumprelu":
        shapes["threshold"] = (config.d_sae,)
    for name, shape in shapes.items():
        found = stored.get(name)
        if found is None or tuple(found.shape) != shape or not found.is_floating_point():
            what = "is missing" if found is None else f"is {found.dtype} of shape {[*found.shape]}"
            raise malformed(path, name, f"{what}; expected real numbers of shape {[*shape]}")
        if not bool(found.isfinite().all()):
            raise malformed(path, name, "an entry is not finite")
    return {name: stored[name] for name in shapes}
