"""Transformers whose circuits and variables are known exactly, and the scoring of methods on them.

Importing the package imports nothing heavy: every name is fetched from its module when it is first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mib.lazy_names import lazy_names

if TYPE_CHECKING:
    from groundtruth.compiled.domain import Domain
    from groundtruth.compiler.compile_program import compile
    from groundtruth.errors import (
        ArtifactError,
        DomainError,
        GroundTruthError,
        MiscompiledProgram,
        ProgramError,
        TrainingError,
        UnsupportedProgram,
    )
    from groundtruth.evaluation.circuits.circuit_evaluator import score
    from groundtruth.evaluation.circuits.localization_tasks import localization_task
    from groundtruth.evaluation.variables import VariableScores, featurization_task, score_featurizer
    from groundtruth.model import CompiledModel, load
    from groundtruth.programs.registry import Program, program
    from groundtruth.results.circuit_scores import CircuitScores
    from groundtruth.store.catalog import shipped
    from groundtruth.testing.contract import check_method
    from groundtruth.train_model import train
    from groundtruth.trained.architecture import Architecture
    from groundtruth.trained.correspondence import Correspondence
    from groundtruth.trained.trained_model import TrainedModel
    from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth
    from groundtruth.verification.verify_model import verify

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "groundtruth.trained.architecture",
    "ArtifactError": "groundtruth.errors",
    "Circuit": "groundtruth.truth.circuits.circuit",
    "CompiledModel": "groundtruth.model",
    "Correspondence": "groundtruth.trained.correspondence",
    "Domain": "groundtruth.compiled.domain",
    "DomainError": "groundtruth.errors",
    "EdgeTruth": "groundtruth.truth.circuits.circuit",
    "GroundTruthError": "groundtruth.errors",
    "MiscompiledProgram": "groundtruth.errors",
    "Program": "groundtruth.programs.registry",
    "ProgramError": "groundtruth.errors",
    "CircuitScores": "groundtruth.results.circuit_scores",
    "TrainedModel": "groundtruth.trained.trained_model",
    "TrainingError": "groundtruth.errors",
    "UnsupportedProgram": "groundtruth.errors",
    "VariableScores": "groundtruth.evaluation.variables",
    "check_method": "groundtruth.testing.contract",
    "compile": "groundtruth.compiler.compile_program",
    "featurization_task": "groundtruth.evaluation.variables",
    "load": "groundtruth.model",
    "localization_task": "groundtruth.evaluation.circuits.localization_tasks",
    "program": "groundtruth.programs.registry",
    "score": "groundtruth.evaluation.circuits.circuit_evaluator",
    "score_featurizer": "groundtruth.evaluation.variables",
    "shipped": "groundtruth.store.catalog",
    "train": "groundtruth.train_model",
    "verify": "groundtruth.verification.verify_model",
}
"""In which module each public name lives."""

__all__ = [
    "Architecture",
    "ArtifactError",
    "Circuit",
    "CompiledModel",
    "Correspondence",
    "Domain",
    "DomainError",
    "EdgeTruth",
    "GroundTruthError",
    "MiscompiledProgram",
    "Program",
    "ProgramError",
    "CircuitScores",
    "TrainedModel",
    "TrainingError",
    "UnsupportedProgram",
    "VariableScores",
    "check_method",
    "compile",
    "featurization_task",
    "load",
    "localization_task",
    "program",
    "score",
    "score_featurizer",
    "shipped",
    "train",
    "verify",
]

__getattr__, __dir__ = lazy_names(
    __name__, _HOMES, modules=("bench", "generated", "pitfalls", "programs", "testing", "variants")
)
