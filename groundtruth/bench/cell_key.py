"""The key of a cell: a hash of everything that its outcome depends on."""

import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from groundtruth.bench.track import Track
from groundtruth.bench.tracks import track_of
from groundtruth.errors import VariantError
from groundtruth.evaluation.language_models import checkpoint_sha256, is_language_model, is_own_task
from groundtruth.evaluation.own_models import own_sha256
from groundtruth.executors.same_code import versions
from groundtruth.results.cell import ORACLE, Cell, cell_fields
from groundtruth.results.model_tiers import base_and_tier
from groundtruth.results.read_results import SCHEMA_VERSION
from groundtruth.source_hash import source_sha256
from groundtruth.specs import find_model
from groundtruth.store.catalog import stored
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.user_methods import is_own_method
from groundtruth.user_sources import package_sha256
from groundtruth.variants.tiers import DESCRIBED
from mib.levels import Level


def cell_key(cell: Cell) -> str:
    """SHA-256 of all that the outcome depends on: the cell, the sources of method, model and evaluator, and versions.

    Not covered is what a method reads while it runs: data files, the network, the environment.

    Raises:
        MethodError: If the method is in a file that cannot be loaded.
        GroundTruthError: If the model cannot be found.
    """
    given = {"cell": cell_fields(cell), **cell_grounds(cell)}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def cell_grounds(cell: Cell) -> dict[str, Any]:
    """List what the outcome depends on beside the cell itself: hashes of method, model, data and code, and versions.

    Raises:
        MethodError: If the method is in a file that cannot be loaded.
        GroundTruthError: If the model cannot be found.
    """
    track = track_of(cell)
    return {
        "schema_version": SCHEMA_VERSION,
        "track": track.name,
        "method": method_sha256(track, cell.method, cell.setting.level),
        "model": model_sha256(cell.model),
        "data": _data_sha256(cell),
        "code": evaluator_sha256(track),
        "versions": versions(),
    }


def _data_sha256(cell: Cell) -> str | None:
    """SHA-256 of the source of a user's own task, or of the files of a data set; None if there is neither."""
    if is_own_task(cell.task):
        return own_sha256(cell.task, "task")
    return cell.prompts.sha256(cell.task.partition(":")[0])


def evaluator_sha256(track: Track) -> str:
    """SHA-256 of the source of a track's evaluators and of all of ours that they import."""
    return source_sha256(*track.evaluator_modules)


@cache
def model_sha256(name: str) -> str:
    """SHA-256 of a model: of its files where it is stored, else of its weights, inputs and values.

    A tier that cannot be made of a model has the hash of the reason: its cells are left out, and say why.

    Raises:
        GroundTruthError: If the model cannot be found.
    """
    if is_language_model(name):
        return checkpoint_sha256(name)
    folder = stored(name) or Path(name)
    digest = hashlib.sha256()
    if folder.is_dir():
        for path in sorted(folder.glob("model.*")) + sorted(folder.glob("truth.json")):
            # Separated, so that no two different sets of files run together into the same bytes.
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()
    try:
        model = find_model(name)
    except VariantError as error:
        if base_and_tier(name)[1] not in DESCRIBED:  # a step that is misspelt, say, is for the user to put right
            raise
        return hashlib.sha256(f"none: {error}".encode()).hexdigest()
    weights = model.weights
    arrays = (
        {label: tensor.numpy() for label, tensor in weights.tensors.items()}
        if isinstance(weights, TrainedWeights)
        else weights.arrays()
    )
    for label, array in sorted(arrays.items()):
        digest.update(label.encode() + b"\0" + array.tobytes() + b"\0")
    digest.update(repr((list(model.domain.inputs()), model.token_values, model.decoder, model.causal)).encode())
    return digest.hexdigest()


def method_sha256(track: Track, method: str, level: Level) -> str:
    """SHA-256 of the sources of a user's method or a plug-in's; a name for one of ours, part of the evaluator's code.

    Raises:
        MethodError: If the method is in a file that cannot be loaded.
    """
    if is_own_method(method):
        return track.methods.load(method, level).source_sha256
    return ORACLE if method == ORACLE else registered_sha256(method, track.methods.get(method).function)


def registered_sha256(method: str, function: Callable[..., Any]) -> str:
    """Tell a registered method: by its name if it is ours, else by the sources of its package."""
    # The evaluator's sources, which the key covers too, import all of ours.
    if function.__module__.startswith("mib."):
        return method
    module = sys.modules.get(function.__module__)
    return method if module is None else package_sha256(module)
