"""Exact activation patching: cut each edge, node or neuron alone, and see what the metric loses."""

import torch

from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Vig et al. 2020, arXiv 2004.12265; edges as in MIB (arXiv 2504.13151), EActP"


@localizer("exact", cost="E x F at most", source=SOURCE)
def exact(task: LocalizationTask) -> EdgeScores:
    """Measure how much the metric falls when an edge alone is cut, in the mean over examples."""
    everything = task.everything
    uncut, cut = task.engine.measure_single_cuts(task.metric, everything.clean, everything.counterfactual)
    # Summed in float64: effects of many examples may cancel to less than float32 resolves.
    return EdgeScores(task.graph, (uncut[:, None, None] - cut).mean(0, dtype=torch.float64).cpu().numpy())


@localizer("exact-node", cost="N x F at most", source=SOURCE, levels=("node",))
def exact_node(task: LocalizationTask) -> NodeScores:
    """Measure how much the metric falls when all outgoing edges of a node are cut, in the mean over examples."""
    everything = task.everything
    uncut, cut = task.engine.measure_node_cuts(task.metric, everything.clean, everything.counterfactual)
    return NodeScores(task.graph, (uncut[:, None] - cut).mean(0, dtype=torch.float64).cpu().numpy())


@localizer("exact-neuron", cost="N x d_model x F at most", source=SOURCE, levels=("neuron",))
def exact_neuron(task: LocalizationTask) -> NeuronScores:
    """Measure how much the metric falls when one dimension of a node's output is cut for all readers, in the mean."""
    everything = task.everything
    uncut, cut = task.engine.measure_neuron_cuts(task.metric, everything.clean, everything.counterfactual)
    return NeuronScores(task.graph, (uncut[:, None, None] - cut).mean(0, dtype=torch.float64).cpu().numpy())
