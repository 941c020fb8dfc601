"""Finding variables in compiled models, and scoring what was found against the exact variables."""

from groundtruth.evaluation.variables.featurization_tasks import featurization_task
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator, score_featurizer
from groundtruth.evaluation.variables.variable_oracle import oracle
from groundtruth.results.cell_settings import Sizes
from groundtruth.results.variable_scores import VariableScores

__all__ = [
    "Landscape",
    "Sizes",
    "VariableEvaluator",
    "VariableScores",
    "featurization_task",
    "oracle",
    "score_featurizer",
]
