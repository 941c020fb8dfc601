"""Edge attribution patching with optimal constants in place of counterfactual activations."""

from mib.graph import EdgeScores
from mib.hyperparameters import Count, Rate
from mib.localization.methods.eap import eap
from mib.localization.methods.optimal_ablation import optimal_constants, with_constants
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer(
    "eap-optimal",
    cost="steps x S (F+B) of a batch, then 2F+1B",
    source="Li and Janson 2024, arXiv 2409.09951; to first order as in MIB (arXiv 2504.13151), EAP (optimal ablation)",
    needs_gradient=True,
)
def eap_optimal(
    task: LocalizationTask, *, steps: Count = 100, examples: Count = 16, learning_rate: Rate = 0.02
) -> EdgeScores:
    """First-order estimate of each cut, as if the edge then carried its optimal constant, whatever the ablation.

    Args:
        task: The model, its inputs and its metric.
        steps: Steps of Adam for the constants, see ``optimal_constants``.
        examples: Examples a step.
        learning_rate: Learning rate of Adam.
    """
    constants = optimal_constants(task, steps=steps, examples=examples, learning_rate=learning_rate)
    return eap.edge_scores(with_constants(task, constants))
