"""Better edge selection: consistent edges by bootstrap, a share of positive ones, circuits by integer programming."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mib.graph import EdgeScores
from mib.hyperparameters import Count, InnerShare, Rate, Share
from mib.localization.edge_estimates import edge_estimates
from mib.localization.integer_program import SOURCE, select_by_program
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import mib_sizes


@localizer("bootstrap-ilp", cost="1F+m(F+B) and an integer program a size", source=SOURCE, needs_gradient=True)
def bootstrap_ilp(
    task: LocalizationTask,
    *,
    steps: Count = 5,
    resamples: Count = 10,
    confidence: InnerShare = 0.95,
    positive_share: Share = 0.5,
    time_limit: Rate = 60.0,
) -> EdgeScores:
    """How early an edge comes into the circuits of MIB's sizes, each chosen by an integer program.

    Edges whose bootstrap interval holds 0 count as 0 in the programs. Of the edges that come in at one size, those
    with the higher absolute attribution score higher.

    Args:
        task: Task of the circuit to localize.
        steps: Points of EAP-IG-inputs, whose scores are resampled.
        resamples: Bootstrap resamples of the examples.
        confidence: Confidence of the percentile interval over resamples.
        positive_share: Share of each circuit's edges, at least, with a positive score; tuned per model by the paper.
        time_limit: Seconds a size, see ``select_by_program``.
    """
    scores = consistent_scores(task, steps=steps, resamples=resamples, confidence=confidence)
    sizes = [size for size in sorted(set(mib_sizes(scores))) if 0 < size < len(task.graph.edges)]
    times = np.zeros(task.graph.edge_mask.shape)
    came = np.zeros(task.graph.edge_mask.shape, dtype=np.bool_)
    for size in sizes:
        came |= select_by_program(scores, size, positive_share=positive_share, time_limit=time_limit)
        times += came
    strength = np.abs(scores.flat)
    # At most 1/2, less than one size: attribution decides only among edges that come in together.
    within = strength / (2 * max(strength.max(), np.finfo(np.float64).tiny))
    return EdgeScores(task.graph, times[task.graph.edge_index] + within)


def consistent_scores(task: LocalizationTask, *, steps: int, resamples: int, confidence: float) -> EdgeScores:
    """EAP-IG-inputs, and 0 for every edge whose sign the examples do not settle.

    Args:
        task: Task of the circuit to localize.
        steps: Points of integrated gradients.
        resamples: Bootstrap resamples of the examples.
        confidence: An edge is settled if the percentile interval over resamples leaves 0 out.
    """
    shares = torch.rand(resamples, len(task), generator=task.generator(), dtype=torch.float64)
    draws = (shares * len(task)).long()
    weights = torch.stack([torch.bincount(draw, minlength=len(task)) for draw in draws]).double()
    every = torch.ones(1, len(task), dtype=torch.float64)
    # All resamples from one run: attribution is a sum over examples, so that a resample is a weighting.
    plain, *resampled = _weighted_scores(task, steps, torch.cat((every, weights)))
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return EdgeScores(task.graph, np.where((low > 0) | (high < 0), plain, 0.0))


def _weighted_scores(
    task: LocalizationTask, steps: int, weights: Float[Tensor, "resample example"]
) -> NDArray[np.float64]:
    """EAP-IG-inputs with each example counted as often as its weight says, [resample, source, destination]."""
    totals = torch.zeros(())
    for estimate in edge_estimates(task, weights=weights):
        for k in range(steps):
            estimate.at(k / steps)
        totals = totals + estimate.scores
    return (totals / (len(task) * steps)).numpy()
