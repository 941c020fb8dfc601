"""Transformers whose circuits and variables are known exactly, and the scoring of methods on them.

Importing the package imports nothing heavy: every name is fetched from its module when it is first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundtruth.artifacts import load, shipped
    from groundtruth.compiling.compiler import compile
    from groundtruth.domain import Domain
    from groundtruth.errors import (
        ArtifactError,
        DomainError,
        GroundTruthError,
        MiscompiledProgram,
        ProgramError,
        UnsupportedProgram,
    )
    from groundtruth.featurizing import VariableRow, featurization_task, score_featurizer
    from groundtruth.localizing.contract import check_method
    from groundtruth.localizing.exam import Row, score
    from groundtruth.localizing.tasks import localization_task
    from groundtruth.model import CompiledModel
    from groundtruth.programs.registry import Program, program
    from groundtruth.proving.circuit import Circuit, EdgeTruth
    from groundtruth.proving.verifying import verify

__version__ = "0.1.0"

_HOMES = {
    "ArtifactError": "groundtruth.errors",
    "Circuit": "groundtruth.proving.circuit",
    "CompiledModel": "groundtruth.model",
    "Domain": "groundtruth.domain",
    "DomainError": "groundtruth.errors",
    "EdgeTruth": "groundtruth.proving.circuit",
    "GroundTruthError": "groundtruth.errors",
    "MiscompiledProgram": "groundtruth.errors",
    "Program": "groundtruth.programs.registry",
    "ProgramError": "groundtruth.errors",
    "Row": "groundtruth.localizing.exam",
    "UnsupportedProgram": "groundtruth.errors",
    "VariableRow": "groundtruth.featurizing",
    "check_method": "groundtruth.localizing.contract",
    "compile": "groundtruth.compiling.compiler",
    "featurization_task": "groundtruth.featurizing",
    "load": "groundtruth.artifacts",
    "localization_task": "groundtruth.localizing.tasks",
    "program": "groundtruth.programs.registry",
    "score": "groundtruth.localizing.exam",
    "score_featurizer": "groundtruth.featurizing",
    "shipped": "groundtruth.artifacts",
    "verify": "groundtruth.proving.verifying",
}
"""In which module each public name lives."""

__all__ = [
    "ArtifactError",
    "Circuit",
    "CompiledModel",
    "Domain",
    "DomainError",
    "EdgeTruth",
    "GroundTruthError",
    "MiscompiledProgram",
    "Program",
    "ProgramError",
    "Row",
    "UnsupportedProgram",
    "VariableRow",
    "check_method",
    "compile",
    "featurization_task",
    "load",
    "localization_task",
    "program",
    "score",
    "score_featurizer",
    "shipped",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'groundtruth' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
