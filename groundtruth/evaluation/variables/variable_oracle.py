"""The oracle: the one featurizer that is given the truth, beside which every other is read."""

from groundtruth.errors import GroundTruthError
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel
from groundtruth.truth.variables import Site, VariableTruth
from mib.featurization.featurizer import Featurizer
from mib.site import Site as TaskSite


def oracle(model: CompiledModel, variable: str | VariableTruth, site: Site | TaskSite | str) -> Featurizer:
    """The exact span of a variable's differences at a site.

    Args:
        model: A compiled model.
        variable: Its name or label, or itself.
        site: Where it is written.

    Raises:
        GroundTruthError: If the variable is not written there, or never varies.
    """
    truth = model.variable(variable) if isinstance(variable, str) else variable
    place = Site.of(task_site(site))
    truth.at(place)
    span = truth.variable.span_at(place, model.weights)
    if not span.shape[1]:
        raise GroundTruthError(
            f"'{truth.variable}' of '{model.name}' has one value on the whole domain: it never varies."
        )
    return Featurizer.subspace(span)
