"""The directions at a site of a wired trained model: the variable's span, what else varies there, and what is read."""

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.trained.domain_runs import DomainRuns
from groundtruth.trained.reading_matrices import later_reads
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_variable import TrainedVariableTruth
from groundtruth.truth.variables.residual_sites import Site
from mib.featurization.featurizer import orthonormal

IMPLICIT = "the variable is yet to be computed there, and has no directions of its own"
"""Why recall and precision of an implicit variable are not defined."""


def trained_landscape(model: TrainedModel, truth: TrainedVariableTruth, site: Site) -> Landscape:
    """The directions at a site.

    What else varies is all that components write there beside the variable: other variables, what spare components
    hold, and what the variable's own components write beside it.

    Args:
        model: A trained model.
        truth: One of its variables.
        site: One where it is live.

    Raises:
        DomainError: If no span there is known to be the variable's.
    """
    if (span := truth.span_at(site)) is None:
        raise DomainError(f"'{truth.variable}' at '{site}' of '{model.name}': {why_inexact(truth, site)}.")
    runs, graph = DomainRuns.of(model), model.graph
    written = [name for name in graph.sources if _is_written(name, site)] if site.residual else [str(site)]
    varied = torch.cat([differences(runs.double.sources[graph.source_index[name]]) for name in written], dim=1)
    return Landscape.around(later_reads(model, site.sublayer), [span], [orthonormal(varied)])


def why_inexact(truth: TrainedVariableTruth, site: Site) -> str:
    """Why recall and precision of a variable are not defined at a site; empty where they are."""
    stage = truth.at(site)
    if stage.state == "implicit":
        return IMPLICIT
    if truth.exact:
        return "" if stage.certified else "other variables lie in the directions that its reader reads"
    return "everything reads everything in a network that is not wired, and a span that passes is one of many"


def differences(output: Float[Tensor, "input position d_model"]) -> Float[Tensor, "d_model difference"]:
    """Say how what a source writes differs between inputs, at each position."""
    return (output - output[:1]).flatten(0, 1).T


def _is_written(source: str, site: Site) -> bool:
    """Tell whether a source has written before a residual stream; what positions write is the same on all inputs."""
    return source != "pos" and (source == "input" or Site.parse(source).sublayer <= site.sublayer)
