"""The variable track: featurization methods against exact variables."""

from functools import lru_cache
from typing import Any

from groundtruth.bench.request import dtype_of
from groundtruth.bench.track import Methods, Track
from groundtruth.bench.variable_subjects import VARIABLE_PROFILES, variable_subjects
from groundtruth.devices import pick_device
from groundtruth.evaluation.evaluator import Evaluator
from groundtruth.evaluation.variables.language_model_variables import LanguageModelVariableEvaluator
from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.cell_settings import VariableSetting
from groundtruth.results.track_tables import VARIABLE_TABLES
from groundtruth.results.variable_scores import VariableScores
from groundtruth.specs import find_model
from groundtruth.user_methods import UserMethod, load_featurizer
from mib import featurization
from mib.featurization import FeaturizerMethod
from mib.levels import Level

BASELINES = (ORACLE, "no-op", "full-vector", "random-k")
"""Methods beside every table, whatever was asked for."""

COMPARED = ("das", "dbm", "linear-probe", "pca")
"""Methods beside one's own, unless others are asked for."""


def _names(_: Level) -> list[str]:
    return list(featurization.names())


def _compared(_: Level) -> list[str]:
    return list(COMPARED)


def _registered() -> list[FeaturizerMethod]:
    return [featurization.get(name) for name in featurization.names()]


def _load(spec: str, _: Level) -> UserMethod[FeaturizerMethod]:
    return load_featurizer(spec)


@lru_cache(maxsize=1)
def variable_evaluator(cell: Cell) -> Evaluator[VariableScores]:
    """Make the evaluator of a cell, kept for the next cell of it.

    Raises:
        DomainError: If no interchange of the variable changes the output.
        GroundTruthError: If there is no such model, variable or site.
        MibError: If a language model, its task, variable or site are not there.
    """
    setting = cell.setting
    if not isinstance(setting, VariableSetting):
        raise TypeError("a cell of the variable track has a VariableSetting")
    asked: dict[str, Any] = {
        "controls": setting.controls, "sizes": setting.sizes, "seed": cell.seed, "device": pick_device(cell.device),
        "dtype": dtype_of(cell.dtype),
    }  # fmt: skip
    if cell.task:
        where = (cell.model, cell.task, setting.variable, setting.site)
        return LanguageModelVariableEvaluator.of(*where, prompts=cell.prompts, **asked)
    return VariableEvaluator.of(_model(cell.model), setting.variable, setting.site, **asked)


_model = lru_cache(maxsize=2)(find_model)
"""Models by name, kept for the next cell: their variables may have to be proven."""

VARIABLES = Track(
    tables=VARIABLE_TABLES,
    methods=Methods(
        get=featurization.get,
        registered=_registered,
        names=_names,
        load=_load,
        always=BASELINES,
        compared=_compared,
    ),
    profiles=VARIABLE_PROFILES,
    subjects=variable_subjects,
    evaluator=variable_evaluator,
    evaluator_modules=(
        "groundtruth.evaluation.variables.variable_evaluator",
        "groundtruth.evaluation.variables.language_model_variables",
    ),
    options=frozenset({"pairs"}),
)  # fmt: skip
