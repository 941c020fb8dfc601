"""One cell of a benchmark: a method on a model, named by everything that its outcome depends on."""

import hashlib
import inspect
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError

import groundtruth
import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.circuit_scores import CircuitScores
from groundtruth.evaluation.circuits.localization_tasks import N_PAIRS
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.language_models import checkpoint_sha256, is_language_model
from groundtruth.evaluation.prompts import MADE_UP, Prompts
from groundtruth.evaluation.variables.variable_scores import VariableScores
from groundtruth.files import to_json, write_whole
from groundtruth.specs import find_model, is_file_spec, load_method
from groundtruth.store.catalog import stored
from mib import localization
from mib.localization.task import Level
from mib.metrics.faithfulness import MAX_SIZES

SCHEMA_VERSION = 2
"""Of a stored cell and of a result file."""

_NO_RESULT = (
    "cli",
    "report",
    "workers.py",
    "bench/tiers",
    "bench/outcomes.py",
    "bench/results.py",
    "bench/running.py",
    "bench/profiles.py",
    "bench/language_model_results.py",
    "bench/variable_results.py",
    "bench/variable_profiles.py",
)
"""Source that shows results or hands them on, but changes none."""


@dataclass(frozen=True)
class Cell:
    """What is run.

    Attributes:
        method: Its name, or ``my_file.py:my_method``.
        model: Its name, folder, or ``my_file.py:my_program``.
        ablation: What flows along cut edges.
        level: What the method scores.
        seed: Of examples and method.
        lengths: Which inputs; ``None``: the model's own.
        n_pairs: How many examples, at most.
        max_sizes: How many circuit sizes CPR and CMD are measured at, at most.
        device: Where it is run.
        dtype: Of the model that the method sees.
        parameters: Hyper-parameters of the method that are not the default.
        task: What a real model is scored on, ``task`` or ``task:family``; empty for a compiled one.
        prompts: Where a real model's examples come from, and how they are read.
    """

    method: str
    model: str
    ablation: str = "resample"
    level: Level = "edge"
    seed: int = 0
    lengths: str | None = None
    n_pairs: int = N_PAIRS
    max_sizes: int = MAX_SIZES
    device: str = "cpu"
    dtype: str = "float32"
    parameters: tuple[tuple[str, Any], ...] = ()
    task: str = ""
    prompts: Prompts = MADE_UP

    @property
    def subject(self) -> str:
        """The model, of a real one with its task: ``learned/ioi``."""
        return f"{self.model}/{self.task}" if self.task else self.model

    @property
    def key(self) -> str:
        """SHA-256 of all that the outcome depends on: the cell, the sources of method, model and code, and versions.

        Raises:
            MethodError: If the method is in a file that cannot be loaded.
            GroundTruthError: If the model cannot be found.
        """
        given = {
            "schema_version": SCHEMA_VERSION,
            "cell": asdict(self),
            "method": _method_sha256(self.method, self.level),
            "model": model_sha256(self.model),
            "data": self.prompts.sha256(self.task.partition(":")[0]),
            "code": code_sha256(),
            "versions": versions(),
        }
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()

    @property
    def evaluator(self) -> "Cell":
        """The cell without its method: cells with the same evaluator share model, task and truth."""
        return replace(self, method="", parameters=())


@dataclass(frozen=True)
class Skipped:
    """A cell that has no scores, for a reason that will not change.

    Attributes:
        reason: Such as that the model has no live edge, or that the method cannot run with the ablation.
        scope: Whether any ``model`` task is impossible or only this ``method`` cannot run on it.
    """

    reason: str
    scope: Literal["model", "method"]


@dataclass(frozen=True)
class Failed:
    """A cell whose method broke its contract or raised.

    Attributes:
        error: What happened.
    """

    error: str


Outcome = CircuitScores | VariableScores | Skipped | Failed


@dataclass(frozen=True)
class _Stored:
    schema_version: int
    outcome: CircuitScores | VariableScores | Skipped


_ADAPTER = TypeAdapter(_Stored)


@dataclass(frozen=True)
class CellStore:
    """Outcomes in a folder, one file a cell; failures are not kept, so that they are tried again.

    Attributes:
        folder: Made when the first outcome is written.
    """

    folder: Path

    def get(self, key: str) -> CircuitScores | VariableScores | Skipped | None:
        """The outcome of a key; ``None`` if there is none, or a file that cannot be read as one."""
        try:
            stored = _ADAPTER.validate_json((self.folder / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return stored.outcome if stored.schema_version == SCHEMA_VERSION else None

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, whole or not at all."""
        if isinstance(outcome, Failed):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        content = to_json(_ADAPTER.dump_python(_Stored(SCHEMA_VERSION, outcome), mode="json"))
        write_whole(self.folder / f"{key}.json", content)


@cache
def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    packages = ("torch", "numpy", "scipy", "scikit-learn", "transformer-lens", "tracr-pypi")
    found = {name: metadata.version(name) for name in packages}
    return {"groundtruth": groundtruth.__version__, "python": platform.python_version(), **found}


@cache
def code_sha256() -> str:
    """SHA-256 of the source of both packages, without what only shows results."""
    digest = hashlib.sha256()
    for package in (mib, groundtruth):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if package is mib or not name.startswith(_NO_RESULT):
                digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def model_sha256(name: str) -> str:
    """SHA-256 of a model: of its files where it is stored, else of its weights, inputs and values.

    Raises:
        GroundTruthError: If the model cannot be found.
    """
    if is_language_model(name):
        return checkpoint_sha256(name)
    folder = stored(name) or Path(name)
    digest = hashlib.sha256()
    if folder.is_dir():
        for path in sorted(folder.glob("model.*")) + sorted(folder.glob("truth.json")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()
    model = find_model(name)
    for label, array in sorted(model.weights.arrays().items()):
        digest.update(label.encode() + b"\0" + array.tobytes() + b"\0")
    digest.update(repr((list(model.domain.inputs()), model.token_values, model.decoder, model.causal)).encode())
    return digest.hexdigest()


@cache
def _method_sha256(method: str, level: Level) -> str:
    """Of the file of a user's method or a plug-in's; the source of our own is part of ``code_sha256``."""
    if is_file_spec(method):
        return load_method(method, level=level).source_sha256
    if method == ORACLE:
        return ORACLE
    return registered_sha256(method, localization.get(method).function)


def registered_sha256(method: str, function: Callable[..., Any]) -> str:
    """What tells a registered method: its name if it is ours, else the hash of its module's source."""
    if function.__module__.startswith("mib."):
        return method
    return hashlib.sha256(inspect.getsource(inspect.getmodule(function) or function).encode()).hexdigest()


def dtype_of(name: str) -> torch.dtype:
    """The dtype of a name such as ``float32``.

    Raises:
        DomainError: If it is no floating-point dtype.
    """
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise DomainError(f"dtype='{name}' is none of a model. Choose from float32, float64, bfloat16, float16.")
    return found
