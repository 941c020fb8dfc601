"""What is measured: answers of a model, and how well scores rank the edges that matter."""

from mib.metrics.answers import Accuracy, KLDivergence, LogitDifference, NegativeSquaredDistance
from mib.patching.metric import Metric

__all__ = ["Accuracy", "KLDivergence", "LogitDifference", "Metric", "NegativeSquaredDistance"]
