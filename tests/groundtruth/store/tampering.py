"""Artifacts that lie: files changed, with hashes corrected so that they fit each other again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Json = dict[str, Any]
WEIGHTS, MODEL, TRUTH = "model.safetensors", "model.json", "truth.json"


def read(path: Path) -> Json:
    """A JSON file."""
    return json.loads(path.read_text())


def change_weights(folder: Path, change: Callable[[dict[str, NDArray[np.float64]]], None]) -> None:
    """Change arrays in place, and nothing else."""
    arrays = load_file(folder / WEIGHTS)
    change(arrays)
    save_file(arrays, folder / WEIGHTS)


def change_model(folder: Path, change: Callable[[Json], None]) -> None:
    """Change what ``model.json`` says, and nothing else."""
    data = read(folder / MODEL)
    change(data)
    (folder / MODEL).write_text(json.dumps(data))


def change_truth(folder: Path, change: Callable[[Json], None]) -> None:
    """Change what ``truth.json`` says."""
    data = read(folder / TRUTH)
    change(data)
    (folder / TRUTH).write_text(json.dumps(data))


def rehash(folder: Path) -> None:
    """Make the hashes right, so that only a proof can tell."""
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    change_model(folder, lambda data: data.update(weights_sha256=digest))
    digest = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
    change_truth(folder, lambda data: data.update(model_sha256=digest))


def circuit_of(data: Json, ablation: str, lengths: str) -> Json:
    """One circuit in what ``truth.json`` says."""
    found = [c for c in data["circuits"] if (c["ablation"], c["lengths"]) == (ablation, lengths)]
    assert len(found) == 1
    return found[0]
