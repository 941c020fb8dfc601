"""What is measured: answers of a model, and how well scores rank the edges that matter."""

from typing import TYPE_CHECKING

from mib.lazy_names import lazy_names

if TYPE_CHECKING:
    from mib.engine.metric import Metric
    from mib.metrics.answer_metrics import Accuracy, KLDivergence, LogitDifference, NegativeSquaredDistance

_ANSWERS = "mib.metrics.answer_metrics"
_HOMES = {
    "Accuracy": _ANSWERS,
    "KLDivergence": _ANSWERS,
    "LogitDifference": _ANSWERS,
    "Metric": "mib.engine.metric",
    "NegativeSquaredDistance": _ANSWERS,
}
"""Module of each public name."""

__all__ = ["Accuracy", "KLDivergence", "LogitDifference", "Metric", "NegativeSquaredDistance"]

# Metrics of rankings are read where no model is run: without torch.
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
