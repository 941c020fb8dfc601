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

ELSEWHERE = "Load it with sae-lens, and pass its encode and decode to mib.featurization.dictionary"

ARCHITECTURES = ("standard", "topk", "jumprelu")


DESCRIBES = {
    "metadata", "model_name", "model_class_name", "model_from_pretrained_kwargs", "hook_name", "hook_point",
    "hook_layer", "hook_point_layer", "hook_head_index", "hook_point_head_index", "seqpos_slice", "dtype", "device",
    "prepend_bos", "dataset_path", "dataset_trust_remote_code", "context_size", "neuronpedia_id", "sae_lens_version",
    "sae_lens_training_version",
}  # fmt: skip
"""Keys that say where an autoencoder comes from, and change nothing that it computes.
Source: ``SAEMetadata`` and ``SAEConfig`` of sae-lens 3 to 6.54."""

OFF = (None, False, "none", "", {}, [])
"""Values by which a setting changes nothing."""


class _Config(BaseModel):
    """What changes what an autoencoder computes; older files name the activation function, not the architecture."""

    model_config = ConfigDict(extra="ignore")  # of what is left, see DESCRIBES

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
        folder: Folder of ``cfg.json`` and ``sae_weights.safetensors``.
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
    for key, value in entries.items():
        if key not in DESCRIBES and key not in _Config.model_fields and value not in OFF:
            raise malformed(path, key, f"{value!r} is a setting that is not known here. {ELSEWHERE}")
    try:
        config = _Config.model_validate(entries)
    except ValidationError as problem:
        raise first_error(path, problem) from problem
    if config.architecture not in ARCHITECTURES:
        hint = did_you_mean(config.architecture, ARCHITECTURES)
        raise malformed(
            path, "architecture", f"'{config.architecture}' is none of {', '.join(ARCHITECTURES)}.{hint} {ELSEWHERE}"
        )  # fmt: skip
    if config.normalize_activations not in ("none", False) or config.reshape_activations != "none":
        raise malformed(
            path, "normalize_activations", f"{config.normalize_activations!r} with reshape_activations "
            f"{config.reshape_activations!r}; only 'none' is affine on the way back. Fold the scale into the weights"
        )  # fmt: skip
    if (config.architecture == "topk") != (config.k is not None):
        raise malformed(path, "k", f"is {config.k}; a topk autoencoder needs it, and no other has it")
    if config.rescale_acts_by_decoder_norm and config.architecture != "topk":
        raise malformed(path, "rescale_acts_by_decoder_norm", f"true; only topk autoencoders rescale. {ELSEWHERE}")
    return config


def _modernise(entries: dict[str, object], path: Path) -> None:
    """Name the architecture of files from before sae-lens 6, whose activation function may make it another one."""
    stated = [entries.pop(key, None) for key in ("activation_fn", "activation_fn_str")]
    names = {str(name) for name in stated if name is not None}
    arguments = dict(as_mapping(entries.pop("activation_fn_kwargs", None) or {}, path, "activation_fn_kwargs"))
    if names == {"topk"}:
        k = arguments.pop("k", None)
        entries["architecture"], entries["k"] = "topk", k if entries.get("k") is None else entries["k"]
    elif names - {"relu"}:
        raise malformed(path, "activation_fn", f"{', '.join(sorted(names))}; only relu and topk are read. {ELSEWHERE}")
    if arguments:
        raise malformed(path, "activation_fn_kwargs", f"{arguments} are not known here. {ELSEWHERE}")


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
    for name in stored:
        if name not in shapes:
            raise malformed(path, name, f"is no tensor of a {config.architecture} autoencoder. {ELSEWHERE}")
    for name, shape in shapes.items():
        found = stored.get(name)
        if found is None or tuple(found.shape) != shape or not found.is_floating_point():
            what = "is missing" if found is None else f"is {found.dtype} of shape {[*found.shape]}"
            raise malformed(path, name, f"{what}; expected real numbers of shape {[*shape]}")
        if not bool(found.isfinite().all()):
            raise malformed(path, name, "an entry is not finite")
    return {name: stored[name] for name in shapes}
