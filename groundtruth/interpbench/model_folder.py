"""InterpBench's folders: a state dict, its configuration, the claimed edges, and how it was trained."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json, to_json
from groundtruth.interpbench.hook_edges import edges_of_hooks
from groundtruth.interpbench.lens_config import LensConfig, read_lens_config
from groundtruth.interpbench.lens_weights import lens_of_weights, weights_of_lens
from groundtruth.interpbench.restricted_pickle import unpickle_plain
from groundtruth.trained.trained_weights import TrainedWeights
from mib.graph import Edge

WEIGHTS = "ll_model.pth"
CONFIG = "ll_model_cfg"
EDGES = "edges"
META = "meta.json"


@dataclass(frozen=True, eq=False)
class InterpBenchFolder:
    """A model as InterpBench has it.

    Attributes:
        name: The folder's name, such as ``3`` or ``ioi``.
        config: Its shape.
        weights: float64 weights, with the output biases of attentions in their readers.
        claimed: The edges of the circuit that it is said to have; all others are claimed needless.
        meta: Details of its training, as the file says; nothing depends on them.
    """

    name: str
    config: LensConfig
    weights: TrainedWeights
    claimed: tuple[Edge, ...]
    meta: Mapping[str, Any]


def read_interpbench(folder: Path) -> InterpBenchFolder:
    """Read a folder without running anything of it.

    The configuration and the edges may be JSON instead of pickles: ``ll_model_cfg.json`` with the fields,
    ``edges.json`` with pairs of hook names.

    Raises:
        ArtifactError: If a file is missing, malformed, refused, or says what is not understood.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is not a folder. InterpBench's models are folders with {WEIGHTS} and more.")
    # The configuration first: it says which tensors there must be, and which edges there can be.
    fields = _value(folder, CONFIG)
    if not isinstance(fields, Mapping):
        raise ArtifactError(
            f"{folder / CONFIG}: it holds a {type(fields).__name__}, not the fields of a configuration."
        )
    config = read_lens_config(fields, where=str(folder / CONFIG))
    try:
        weights = weights_of_lens(_state(folder / WEIGHTS), config)
        claimed = edges_of_hooks(_pairs(_value(folder, EDGES)), config.architecture.graph)
    except ArtifactError as error:
        raise ArtifactError(f"{folder}: {error}") from error
    meta = _json(folder / META) if (folder / META).exists() else {}
    if not isinstance(meta, dict):
        raise ArtifactError(f"{folder / META}: it is not an object with the arguments of training.")
    return InterpBenchFolder(folder.resolve().name, config, weights, claimed, meta)


def write_interpbench(
    folder: Path, weights: TrainedWeights, fields: Mapping[str, Any], pairs: list[tuple[str, str]], meta: Any
) -> None:
    """Write a folder as InterpBench's training does.

    Args:
        folder: Folder to write to.
        weights: Weights without norms.
        fields: The configuration's fields, by name.
        pairs: Claimed edges as pairs of hook names.
        meta: The arguments of training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(lens_of_weights(weights), folder / WEIGHTS)
    (folder / f"{CONFIG}.pkl").write_bytes(pickle.dumps(dict(fields)))
    (folder / f"{EDGES}.pkl").write_bytes(pickle.dumps(pairs))
    (folder / META).write_bytes(to_json(json.loads(json.dumps(meta))))


def _value(folder: Path, stem: str) -> Any:
    """The value in a pickle or its JSON."""
    if (folder / f"{stem}.json").exists():
        return _json(folder / f"{stem}.json")
    if (folder / f"{stem}.pkl").exists():
        return unpickle_plain(folder / f"{stem}.pkl")
    raise ArtifactError(f"{folder} has neither {stem}.pkl nor {stem}.json.")


def _json(path: Path) -> Any:
    try:
        return from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is not JSON: {error}.") from error


def _pairs(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, list | tuple) or not value:
        raise ArtifactError(f"{EDGES} holds a {type(value).__name__}, not a list of pairs of hook names.")
    for item in value:
        if not (isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(name, str) for name in item)):
            raise ArtifactError(f"{EDGES} holds {item!r}, which is no pair of hook names.")
    return [(start, end) for start, end in value]


def _state(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        raise ArtifactError(f"there is no {path.name}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # What a damaged or hostile file raises depends on where it is damaged.
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ArtifactError(f"{path.name} cannot be read with weights_only=True: {first}") from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ArtifactError(f"{path.name} is not a state dict, tensors by name.")
    return dict(state)
