"""The oracle: the one featurizer that is given the truth, beside which every other is read."""

from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.evaluation.variables.featurization_tasks import known_variable
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, KnownModel, KnownVariable
from groundtruth.trained.trained_variable import TrainedStage
from groundtruth.truth.variables.implicit_variable import ImplicitStage
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.featurization.featurizer import Featurizer
from mib.site import Site as TaskSite


def oracle(model: KnownModel, variable: str | KnownVariable, site: Site | TaskSite | str) -> Featurizer:
    """The exact span of a variable's differences at a site.

    Of a trained model that is not wired it is a span that passes, and where a variable is implicit, the span of its
    operands or, in a trained model, of what they write.

    Args:
        model: A compiled or trained model.
        variable: Its name or label, or itself.
        site: Site at which it is written or implicit.

    Raises:
        DomainError: If no span of a trained model passes on every pair of inputs.
        GroundTruthError: If the variable is neither written nor implicit there, or never varies.
    """
    where = task_site(site)
    truth, place = known_variable(model, variable, where), Site.of(where)
    stage = truth.at(place)
    if isinstance(truth, VariableTruth) and isinstance(model, CompiledModel):
        span = truth.variable.span_at(place, model.weights)
    elif isinstance(stage, TrainedStage | ImplicitStage) and stage.span is not None:
        span = stage.span
    else:
        raise DomainError(
            f"no span of '{truth.variable}' of '{model.name}' passes on every pair of inputs: {stage}. The oracle has "
            "nothing to give there."
        )
    if not span.shape[1]:
        raise GroundTruthError(
            f"'{truth.variable}' of '{model.name}' has one value on the whole domain: it never varies."
        )
    return Featurizer.subspace(span)
