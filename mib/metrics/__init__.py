"""What is measured: answers of a model, and how well scores rank the edges that matter."""

from mib.engine.metric import Metric
from mib.metrics.answer_metrics import Accuracy, KLDivergence, LogitDifference, NegativeSquaredDistance

__all__ = ["Accuracy", "KLDivergence", "LogitDifference", "Metric", "NegativeSquaredDistance"]
