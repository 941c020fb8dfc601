"""Random scores: what every method must beat."""

import torch

from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.levels import Scores
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer("random", cost="0", source="MIB, arXiv 2504.13151", levels=("edge", "node", "neuron"), control=True)
def random_scores(task: LocalizationTask) -> Scores:
    """Standard normal scores, seeded by the task."""
    graph, generator = task.graph, task.generator()

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    match task.level:
        case "edge":
            return EdgeScores(graph, draw(len(graph.edges)).numpy())
        case "node":
            return NodeScores(graph, draw(len(graph.sources)).numpy())
        case "neuron":
            return NeuronScores(graph, draw(len(graph.sources), graph.d_model).numpy())
