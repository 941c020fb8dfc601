"""A localization method of one's own: edge attribution patching (Syed et al. 2023), as one would first write it."""

import torch

import mib


def my_method(task: mib.LocalizationTask) -> mib.EdgeScores:
    """What a cut changes in a source, times the gradient at its destination, in the mean over examples."""
    scores = torch.zeros(len(task.graph.sources), len(task.graph.destinations), dtype=torch.float64)
    for batch in task.batches():
        changed = task.engine.differences(batch.clean, batch.counterfactual)
        trace = task.engine.trace(batch.clean)
        loss = task.metric(trace.logits, batch.examples).sum()
        for step, gradient in enumerate(trace.destination_gradients(loss)):
            n = task.engine.columns.readable(step)
            product = torch.einsum("espd,ecpd->sc", changed[:, :n], gradient)
            scores[:n, task.engine.columns.of(step)] -= product.cpu().double()
    return mib.EdgeScores(task.graph, (scores / len(task)).numpy())
