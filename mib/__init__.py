"""The Mechanistic Interpretability Benchmark's two tracks on any model with TransformerLens hooks.

An independent implementation, not the benchmark's own code. ``mib`` knows nothing of programs or of ground truth: a
compiled model is to it just a model with hooks, and a task is just data and a metric.

Importing the package imports nothing heavy: every name is fetched from its module when it is first used (PEP 562).
"""

from typing import TYPE_CHECKING

from mib.lazy_names import lazy_names

if TYPE_CHECKING:
    from mib import featurization, localization, tasks
    from mib.engine.engine import Engine
    from mib.errors import FormatError, GraphError, MethodError, MibError, ModelError, ScoreError, TaskError
    from mib.featurization import FeaturizationTask, Featurizer
    from mib.graph import Edge, EdgeScores, Graph, NeuronScores, NodeScores
    from mib.localization.task import LocalizationTask
    from mib.method_scores import score
    from mib.models import LoadedModel, learned_model, load_model
    from mib.site import Site

_HOMES = {
    "Edge": "mib.graph",
    "EdgeScores": "mib.graph",
    "Engine": "mib.engine",
    "FeaturizationTask": "mib.featurization.task",
    "Featurizer": "mib.featurization.featurizer",
    "FormatError": "mib.errors",
    "Graph": "mib.graph",
    "GraphError": "mib.errors",
    "LoadedModel": "mib.models",
    "LocalizationTask": "mib.localization.task",
    "MethodError": "mib.errors",
    "MibError": "mib.errors",
    "ModelError": "mib.errors",
    "NeuronScores": "mib.graph",
    "NodeScores": "mib.graph",
    "ScoreError": "mib.errors",
    "Site": "mib.site",
    "TaskError": "mib.errors",
    "learned_model": "mib.models",
    "load_model": "mib.models",
    "score": "mib.method_scores",
}
"""Module of each public name that is no module itself."""

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
    "score",
    "tasks",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES, modules=("featurization", "localization", "tasks"))
