"""Which variables of a model are worth seeking, and where: those that a method could miss or mix with others."""

from collections.abc import Iterator

import torch

from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.featurization_tasks import featurization_task, ground_of
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, KnownModel
from groundtruth.results.cell_settings import Sizes
from groundtruth.trained.trained_model import TrainedModel
from mib.featurization.featurizer import Featurizer
from mib.metrics.interchange_scores import interchange_scores

FEW = Sizes(150, 50, 150)
"""Pairs of the task on which a place is tried."""


def informative(model: KnownModel) -> list[tuple[str, str]]:
    """Variables and residual streams where an interchange can change the output and another variable is read too.

    Of sites between which nothing changes the last behind a block is taken. What is computed comes before tokens and
    indices, what varies between inputs at one position before what does not, what lies beside more directions of other
    variables before what lies beside fewer. Of trained models those are taken at which a span passes, the variable
    being written or implicit there; where swapping the whole site does the least of the work comes first, for there
    methods can differ.

    Args:
        model: A compiled or trained model.

    Returns:
        Name (or label, where two have the name) and site of each.
    """
    if isinstance(model, TrainedModel):
        return [place for _, place in sorted(_trained_candidates(model))]
    found = sorted(_candidates(model), key=lambda item: item[0])
    return [place for _, place in found]


def full_vector_share(model: KnownModel, variable: str, site: str) -> float:
    """How much swapping the whole site does: the share of pairs to learn from that a no-op gets wrong and it does not.

    Methods are told apart where it is low; 1 where nothing is sought, since no interchange changes an output.

    Args:
        model: A compiled or trained model.
        variable: Name of a variable.
        site: Site at which it is sought.
    """
    try:
        task = featurization_task(model, variable, site, sizes=FEW, dtype=torch.float64)
    except DomainError:
        return 1.0
    whole = Featurizer.subspace(torch.eye(task.width, dtype=torch.float64))
    return interchange_scores(task, whole, examples=task.split.train).distinguishing.value


def _trained_candidates(model: TrainedModel) -> Iterator[tuple[tuple[float, str, str], tuple[str, str]]]:
    for truth in (*model.variables(), *model.implicit_variables()):
        streams = [stage for stage in truth.stages if stage.certified and stage.sites[0].residual]
        if streams and streams[-1].distinguishing:
            name, site = truth.variable.name, str(task_site(str(streams[-1].sites[0])))
            yield (full_vector_share(model, name, site), site, name), (name, site)


def _candidates(model: CompiledModel) -> Iterator[tuple[tuple[bool, bool, int, int, str], tuple[str, str]]]:
    names = [str(truth.variable) for truth in model.variables()]
    for truth in filter(lambda truth: truth.held, model.variables()):
        for stage in truth.stages:
            sites = [site for site in stage.sites if site.residual]
            kinds = {item.pairs for item in stage.interchanges if item.distinguishing}
            if not sites or not stage.rank or not stage.certified or not kinds & {"one position", "moved", "fixed"}:
                continue
            # The last: there most has been written beside the variable, which a method could mix with it.
            site = [site for site in sites if site.kind == "resid_post"][-1:] or sites[-1:]
            others = Landscape.of(ground_of(model), truth, site[0]).others.shape[1]
            if others:
                name = str(truth.variable)
                place = (name if names.count(name) == 1 else truth.variable.label, str(task_site(site[0])))
                given = truth.variable.label in ("tokens", "indices")
                yield (given, "one position" not in kinds, -others, site[0].sublayer, truth.variable.label), place
