"""The patching engine: many circuits over many input pairs at once, on any model that can be taken apart."""

from mib.patching.ablations import ABLATIONS, Ablation
from mib.patching.cost import Cost
from mib.patching.engine import Engine
from mib.patching.metric import Metric

__all__ = ["ABLATIONS", "Ablation", "Cost", "Engine", "Metric"]
