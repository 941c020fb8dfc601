"""The Mechanistic Interpretability Benchmark on any model with TransformerLens hooks.

``mib`` knows nothing of programs or of ground truth: a compiled model is to it just a model with hooks, and a task is
just data and a metric.
"""

from mib.errors import FormatError, GraphError, MethodError, MibError, ScoreError, TaskError
from mib.graph import Edge, EdgeScores, Graph, NeuronScores, NodeScores

__all__ = [
    "Edge",
    "EdgeScores",
    "FormatError",
    "Graph",
    "GraphError",
    "MethodError",
    "MibError",
    "NeuronScores",
    "NodeScores",
    "ScoreError",
    "TaskError",
]
