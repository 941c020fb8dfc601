"""Edge attribution patching with mean activations in place of counterfactual ones."""

from mib.graph import EdgeScores
from mib.localization.methods.eap import eap
from mib.localization.methods.optimal_ablation import mean_outputs, with_constants
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask


@localizer(
    "eap-mean",
    cost="2F+1B",
    source="Syed et al. 2023, arXiv 2310.10348; with means as in MIB (arXiv 2504.13151), EAP (mean)",
    needs_gradient=True,
)
def eap_mean(task: LocalizationTask) -> EdgeScores:
    """First-order estimate of each cut, as if the edge then carried its source's mean, whatever the ablation."""
    return eap.edge_scores(with_constants(task, mean_outputs(task)))
