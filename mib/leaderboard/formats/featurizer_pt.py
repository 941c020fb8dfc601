"""The two files of one MIB featurizer: what ``torch.save`` wrote, read with ``weights_only=True``.

Each holds ``model_info`` {featurizer_class, inverse_featurizer_class, n_features, additional_config} and
``state_dict``. A subspace keeps its matrix as ``torch.nn.utils.parametrizations.orthogonal`` does: a parameter
(d, k) that moves away from a base (d, d). Classes are looked up in a list; nothing that a file names is imported.
Source: ``Featurizer.save_modules`` and ``load_modules`` of atticusg/CausalAbstraction.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from mib.errors import did_you_mean
from mib.featurization.featurizer import orthonormality_error
from mib.leaderboard.formats.place_names import as_mapping, malformed, refuse_unknown, require_keys
from mib.leaderboard.formats.torch_files import load_torch_file
from mib.whole_files import write_whole

SUBSPACE = ("SubspaceFeaturizerModule", "SubspaceInverseFeaturizerModule")
IDENTITY = ("IdentityFeaturizerModule", "IdentityInverseFeaturizerModule")
CLASSES = {SUBSPACE[0]: SUBSPACE[1], IDENTITY[0]: IDENTITY[1]}
"""The featurizer classes that are read, each with its inverse. (MIB does not write autoencoders: they are public.)"""

MAX_WIDTH = 2**13
"""Widest activation that is read; the widest of MIB's models has 4,096 dimensions, a Llama of 70 billion 8,192."""

INFO = ("featurizer_class", "inverse_featurizer_class", "n_features", "additional_config")

PARAMETER, BASE = "rotate.parametrizations.weight.original", "rotate.parametrizations.weight.0.base"

NOT_ORTHONORMAL = 1e-3
"""Largest distance of a matrix's product with itself from the identity: half precision is further, training is not."""


@dataclass(frozen=True, eq=False)
class Module:
    """What one of the two files holds.

    Attributes:
        rotation: [d, k], orthonormal; None for the identity.
        n_features: Number of features; None where an identity leaves it out.
    """

    rotation: Float[Tensor, "d k"] | None
    n_features: int | None


def read_module(path: Path) -> Module:
    """Read one of the two files.

    Raises:
        FormatError: If it is malformed, naming the place.
    """
    entries = as_mapping(load_torch_file(path), path, "top level")
    require_keys(entries, ("model_info", "state_dict"), path, "top level")
    refuse_unknown(entries, ("model_info", "state_dict"), path, "top level")
    info = as_mapping(entries["model_info"], path, "model_info")
    require_keys(info, INFO, path, "model_info")
    refuse_unknown(info, (*INFO, "featurizer_id"), path, "model_info")
    name = _class(info, path)
    n_features = _count(info["n_features"], path)
    state = as_mapping(entries["state_dict"], path, "state_dict")
    if name == IDENTITY[0]:
        if state:
            raise malformed(path, "state_dict", f"an identity has no weights; found {next(iter(state))!r}")
        config = as_mapping(info["additional_config"] or {}, path, "model_info.additional_config")
        refuse_unknown(config, ("requires_grad",), path, "model_info.additional_config")
        return Module(None, n_features)
    require_keys(state, (PARAMETER,), path, "state_dict")
    refuse_unknown(state, (PARAMETER, BASE), path, "state_dict")
    rotation = _rotation(state, path)
    if n_features is not None and n_features != rotation.shape[1]:
        raise malformed(path, "model_info.n_features", f"{n_features}, but the matrix has {rotation.shape[1]} columns")
    _check_shape_of_config(info, rotation, path)
    return Module(rotation, rotation.shape[1])


def write_modules(prefix: Path, rotation: Float[Tensor, "d k"] | None, n_features: int) -> None:
    """Write ``<prefix>_featurizer`` and ``<prefix>_inverse_featurizer``.

    Args:
        prefix: Folder and unit.
        rotation: Orthonormal columns; None for the identity.
        n_features: Number of features.
    """
    classes, state, config = IDENTITY, dict[str, Tensor](), dict[str, object]()
    if rotation is not None:
        classes = SUBSPACE
        layer = _layer(rotation.detach().cpu().to(torch.promote_types(rotation.dtype, torch.float32)))
        state = {f"rotate.{name}": value.detach() for name, value in layer.state_dict().items()}
        config = {"rotation_matrix": layer.weight.detach().clone(), "requires_grad": False}
    info = {
        "featurizer_class": classes[0],
        "inverse_featurizer_class": classes[1],
        "n_features": n_features,
        "additional_config": config,
    }
    for suffix in ("_featurizer", "_inverse_featurizer"):
        buffer = io.BytesIO()  # a file would get its own name into its bytes
        torch.save({"model_info": info, "state_dict": state}, buffer)
        write_whole(prefix.with_name(prefix.name + suffix), buffer.getvalue())


class _Rotate(nn.Module):
    """pyvene's low-rank rotation: one matrix, orthogonally parametrised."""

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone(), requires_grad=False)


def _layer(rotation: Tensor) -> _Rotate:
    """A layer whose weight is this matrix; what completes it to a basis is the same every time."""
    layer = _Rotate(rotation)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        orthogonal(layer)
    return layer


def _rotation(state: Mapping[str, object], path: Path) -> Tensor:
    """The matrix of a state: what the parameter and the base give."""
    parameter = _matrix(state[PARAMETER], path, f"state_dict['{PARAMETER}']")
    width, rank = parameter.shape
    if not 1 <= rank <= width <= MAX_WIDTH:
        raise malformed(
            path, f"state_dict['{PARAMETER}']", f"shape {[width, rank]}; expected at most as many columns as rows, "
            f"of which there may be {MAX_WIDTH:,}"
        )  # fmt: skip
    if BASE not in state:
        rotation = parameter
    else:
        base = _matrix(state[BASE], path, f"state_dict['{BASE}']")
        if base.shape != (width, width):
            raise malformed(path, f"state_dict['{BASE}']", f"shape {[*base.shape]}; expected {[width, width]}")
        layer = _layer(torch.eye(width, rank, dtype=parameter.dtype))
        layer.load_state_dict({"parametrizations.weight.original": parameter, "parametrizations.weight.0.base": base})
        rotation = layer.weight.detach()
    off = orthonormality_error(rotation)
    if not off < NOT_ORTHONORMAL:
        raise malformed(path, "state_dict", f"the matrix is not orthonormal: off by {off:.1e}")
    return rotation


def _check_shape_of_config(info: Mapping[str, object], rotation: Tensor, path: Path) -> None:
    """The official reader needs ``rotation_matrix`` for its shape alone: the state replaces its values."""
    place = "model_info.additional_config"
    config = as_mapping(info["additional_config"], path, place)
    require_keys(config, ("rotation_matrix",), path, place)
    refuse_unknown(config, ("rotation_matrix", "requires_grad"), path, place)
    stated = _matrix(config["rotation_matrix"], path, f"{place}.rotation_matrix")
    if stated.shape != rotation.shape:
        raise malformed(
            path,
            f"{place}.rotation_matrix",
            f"shape {[*stated.shape]}; the matrix of state_dict has {[*rotation.shape]}",
        )


def _class(info: Mapping[str, object], path: Path) -> str:
    name, inverse = info["featurizer_class"], info["inverse_featurizer_class"]
    if not isinstance(name, str) or name not in CLASSES:
        hint = did_you_mean(name, CLASSES) if isinstance(name, str) else ""
        raise malformed(
            path, "model_info.featurizer_class", f"{name!r} is none of {', '.join(CLASSES)}.{hint} "
            "Classes of a submission's own Python are not run; write the featurizer as a subspace"
        )  # fmt: skip
    if inverse != CLASSES[name]:
        raise malformed(path, "model_info.inverse_featurizer_class", f"found {inverse!r}, expected '{CLASSES[name]}'")
    return name


def _count(value: object, path: Path) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_WIDTH:
        raise malformed(path, "model_info.n_features", f"found {value!r}, expected a whole number up to {MAX_WIDTH:,}")
    return value


def _matrix(value: object, path: Path, place: str) -> Tensor:
    """A real finite dense matrix in single precision or better."""
    if not isinstance(value, Tensor):
        raise malformed(path, place, f"expected a tensor, found {type(value).__name__}")
    strange = value.layout != torch.strided or value.is_meta or value.is_quantized or not value.is_floating_point()
    if strange or value.ndim != 2:
        raise malformed(path, place, f"expected a dense real matrix, found {value.dtype} of shape {[*value.shape]}")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise malformed(path, place, f"shape {[*value.shape]}, but the file stores fewer numbers")
    matrix = value.detach().cpu()
    matrix = matrix if matrix.dtype == torch.float64 else matrix.float()
    if not bool(matrix.isfinite().all()):
        raise malformed(path, place, "an entry is not finite")
    return matrix
