"""The circuit track: localization methods against exact circuits."""

from functools import lru_cache
from typing import Any

from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES, circuit_subjects
from groundtruth.bench.request import dtype_of
from groundtruth.bench.track import Methods, Track
from groundtruth.devices import pick_device
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
from groundtruth.evaluation.evaluator import Evaluator
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.cell_settings import CircuitSetting
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.track_tables import CIRCUIT_TABLES
from groundtruth.specs import find_model
from groundtruth.user_methods import UserMethod, load_localizer
from mib import localization
from mib.levels import Level
from mib.localization import Localizer

COMPARED = ("random", "eap", "eap-ig-inputs", "exact")
"""Methods for edges beside one's own: chance, and the usual gradient and exact ones."""


def circuit_methods(level: Level) -> list[str]:
    """Name the oracle, then the registered methods that score a level."""
    known = [name for name in localization.names() if level in localization.get(name).levels]
    return ([] if level == "neuron" else [ORACLE]) + known


def compared_methods(level: Level) -> list[str]:
    """Name the methods beside which one's own is shown; where no few are the usual ones, all."""
    usual = COMPARED if level == "edge" else ()
    return [name for name in circuit_methods(level) if name == ORACLE or not usual or name in usual]


def _registered() -> list[Localizer]:
    return [localization.get(name) for name in localization.names()]


def _load(spec: str, level: Level) -> UserMethod[Localizer]:
    return load_localizer(spec, level=level)


@lru_cache(maxsize=1)
def circuit_evaluator(cell: Cell) -> Evaluator[CircuitScores]:
    """Make the evaluator of a cell, kept for the next cell of it.

    Raises:
        DomainError: If there is nothing to localize, or no task can be made of the model.
        GroundTruthError: If there is no such model.
        MibError: If a language model or its task cannot be found or read.
    """
    setting = cell.setting
    if not isinstance(setting, CircuitSetting):
        raise TypeError("a cell of the circuit track has a CircuitSetting")
    asked: dict[str, Any] = {
        "ablation": setting.ablation,
        "n_pairs": setting.n_pairs,
        "max_sizes": setting.max_sizes,
        "seed": cell.seed,
        "level": setting.level,
        "device": pick_device(cell.device),
        "dtype": dtype_of(cell.dtype),
    }
    if cell.task:
        return LanguageModelCircuitEvaluator.of(cell.model, cell.task, prompts=cell.prompts, **asked)
    return CircuitEvaluator.of(find_model(cell.model), lengths=setting.lengths, **asked)


CIRCUITS = Track(
    tables=CIRCUIT_TABLES,
    methods=Methods(
        get=localization.get,
        registered=_registered,
        names=circuit_methods,
        load=_load,
        always=(),
        compared=compared_methods,
    ),
    profiles=CIRCUIT_PROFILES,
    subjects=circuit_subjects,
    evaluator=circuit_evaluator,
    evaluator_modules=(
        "groundtruth.evaluation.circuits.circuit_evaluator",
        "groundtruth.evaluation.circuits.language_model_circuits",
    ),
    options=frozenset({"ablation", "isolated", "level", "scores", "tier", "tiers"}),
)  # fmt: skip
