"""The patching engine: many circuits over many input pairs at once, on any model that can be taken apart."""

from mib.engine.ablations import ABLATIONS, Ablation
from mib.engine.cost import Cost
from mib.engine.engine import Engine
from mib.engine.metric import Metric

__all__ = ["ABLATIONS", "Ablation", "Cost", "Engine", "Metric"]
