"""The Mechanistic Interpretability Benchmark on any model with TransformerLens hooks.

``mib`` knows nothing of programs or of ground truth: a compiled model is to it just a model with hooks, and a task is
just data and a metric.
"""

from mib import featurization, localization, tasks
from mib.engine import Engine
from mib.errors import FormatError, GraphError, MethodError, MibError, ModelError, ScoreError, TaskError
from mib.featurization import FeaturizationTask, Featurizer, Site
from mib.graph import Edge, EdgeScores, Graph, NeuronScores, NodeScores
from mib.learned import learned_model
from mib.localization.task import LocalizationTask
from mib.models import LoadedModel, load_model

__all__ = [
    "Edge",
    "EdgeScores",
    "Engine",
    "FeaturizationTask",
    "Featurizer",
    "FormatError",
    "Graph",
    "GraphError",
    "LoadedModel",
    "LocalizationTask",
    "MethodError",
    "MibError",
    "ModelError",
    "NeuronScores",
    "NodeScores",
    "ScoreError",
    "Site",
    "TaskError",
    "featurization",
    "learned_model",
    "load_model",
    "localization",
    "tasks",
]
