"""Ensembles of the MIB shared task: methods side by side, one after the other, and both.

Source: Mondorf et al. 2025, arXiv 2510.06811, and its code (cisnlp/MIB-circuit-track).
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mib.errors import MethodError
from mib.graph import EdgeScores
from mib.hyperparameters import Count, InnerShare, Rate, Share
from mib.localization.learned_masks import HardConcrete
from mib.localization.methods.eap import eap
from mib.localization.methods.eap_ig_activations import eap_ig_activations
from mib.localization.methods.eap_ig_inputs import eap_ig_inputs
from mib.localization.methods.edge_pruning import prune
from mib.localization.objectives import Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "Mondorf et al. 2025, arXiv 2510.06811"
Scale = Literal["largest", "none"]


@localizer("ensemble-parallel", cost="the sum of its members", source=SOURCE, needs_gradient=True)
def ensemble_parallel(task: LocalizationTask, *, steps: Count = 5, scale: Scale = "largest") -> EdgeScores:
    """Mean of the scores of EAP, EAP-IG-inputs and EAP-IG-activations.

    Args:
        task: Task of the circuit to localize.
        steps: Points of integrated gradients.
        scale: Divide each method's scores by its largest, or by nothing, as the paper does (``none``).
    """
    return mean_scores(task, _attributions(task, steps), scale)


@localizer("ensemble-sequential", cost="EAP-IG-inputs, then Edge Pruning", source=SOURCE, needs_gradient=True)
def ensemble_sequential(
    task: LocalizationTask,
    *,
    ig_steps: Count = 5,
    steps: Count = 200,
    examples: Count = 32,
    learning_rate: Rate = 0.1,
    multiplier_rate: Rate = 0.1,
    start_sparsity: InnerShare = 0.9,
    sparsity: Share = 0.95,
    softness: Rate = 0.2,
    objective: Objective = "kl",
) -> EdgeScores:
    """Edge Pruning that starts from the ranking of EAP-IG-inputs, with that method's signs.

    Args:
        task: Task of the circuit to localize.
        ig_steps: Points of integrated gradients.
        steps: Steps of Adam, as for ``edge-pruning``.
        examples: Examples a step.
        learning_rate: Learning rate of the masks.
        multiplier_rate: Multiplier rate of the Lagrange multipliers.
        start_sparsity: InnerShare of closed masks at first.
        sparsity: Target share of closed masks.
        softness: Width over which first values rise with rank, see ``warm_start``.
        objective: Quantity that the loss compares, see ``Loss``.
    """
    attribution = eap_ig_inputs.edge_scores(task, steps=ig_steps)
    log_alpha = prune(
        task,
        warm_start(attribution, sparsity=start_sparsity, softness=softness),
        by="ensemble-sequential",
        steps=steps,
        examples=examples,
        learning_rate=learning_rate,
        multiplier_rate=multiplier_rate,
        start_sparsity=start_sparsity,
        sparsity=sparsity,
        warmup=5 / 6,
        objective=objective,
    )
    # Masks are never negative; CPR ranks by sign, which only attribution has.
    sign = np.where(attribution.flat < 0, -1.0, 1.0)
    return EdgeScores(task.graph, sign * HardConcrete().probability_open(log_alpha).numpy())


@localizer("ensemble-hybrid", cost="the sum of both ensembles", source=SOURCE, needs_gradient=True)
def ensemble_hybrid(
    task: LocalizationTask, *, steps: Count = 200, ig_steps: Count = 5, scale: Scale = "largest"
) -> EdgeScores:
    """Mean of the scores of the parallel ensemble's members and of the sequential ensemble.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Edge Pruning.
        ig_steps: Points of integrated gradients.
        scale: As for ``ensemble-parallel``.
    """
    sequential = ensemble_sequential.edge_scores(task, steps=steps, ig_steps=ig_steps)
    return mean_scores(task, [*_attributions(task, ig_steps), sequential], scale)


def mean_scores(task: LocalizationTask, members: list[EdgeScores], scale: Scale) -> EdgeScores:
    """The mean of several methods' scores, each divided by its largest or by nothing."""
    rows = np.stack([member.flat for member in members])
    if scale == "largest":
        rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return EdgeScores(task.graph, rows.mean(axis=0))


def warm_start(scores: EdgeScores, *, sparsity: float, softness: float) -> Float[Tensor, "edge"]:
    """First values of log_alpha: in each layer's edges, the higher the rank of the absolute score the more open.

    An edge of rank q (0 lowest, 1 highest) starts with the mask sigmoid((q - b) / softness), with b such that the
    mean of the layer's masks is 1 - sparsity.

    Args:
        scores: Scores that rank the edges.
        sparsity: Above 0 and below 1.
        softness: tau; the lower, the sharper.

    Raises:
        MethodError: If a parameter is out of range.
    """
    if not 0 < sparsity < 1 or softness <= 0:
        raise MethodError(
            f"a warm start with sparsity={sparsity}, softness={softness}: the first must be between 0 and 1, the "
            "second above 0."
        )
    layers = np.array([scores.graph.locate(edge.destination).layer for edge in scores.graph.edges])
    masks = np.empty(len(layers))
    for layer in np.unique(layers):
        own = layers == layer
        masks[own] = _calibrated(_ranks(np.abs(scores.flat[own])), sparsity, softness)
    return HardConcrete().log_alpha(torch.from_numpy(masks))


def _attributions(task: LocalizationTask, steps: int) -> list[EdgeScores]:
    integrated = [method.edge_scores(task, steps=steps) for method in (eap_ig_inputs, eap_ig_activations)]
    return [eap.edge_scores(task), *integrated]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for the lowest to 1 for the highest; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return (below + (counts - 1) / 2)[place] / max(1, len(values) - 1)


def _calibrated(ranks: NDArray[np.float64], sparsity: float, softness: float) -> NDArray[np.float64]:
    """Bisect b: the mean of the masks falls as b rises."""

    def masks(b: float) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(np.minimum((b - ranks) / softness, 700)))

    # There every mask is open, or closed, to e^-50, so that the bisection has its target in between.
    low, high = -1 - 50 * softness, 2 + 50 * softness
    for _ in range(100):
        b = (low + high) / 2
        low, high = (b, high) if masks(b).mean() > 1 - sparsity else (low, b)
    # The upper end of b, where masks are no more open than was asked for.
    return masks(high)
