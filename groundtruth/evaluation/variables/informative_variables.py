"""Which variables of a model are worth seeking, and where: those that a method could miss or mix with others."""

from collections.abc import Iterator

from groundtruth.evaluation.variables.featurization_tasks import ground_of
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, KnownModel
from groundtruth.trained.trained_model import TrainedModel


def informative(model: KnownModel) -> list[tuple[str, str]]:
    """Variables and residual streams where an interchange can change the output and another variable is read too.

    Of sites between which nothing changes the last behind a block is taken. What is computed comes before tokens and
    indices, what varies between inputs at one position before what does not, what lies beside more directions of other
    variables before what lies beside fewer. Of trained models those are taken at which a span passes; what is read
    again before what is put out, what has more values before what has fewer.

    Args:
        model: A compiled or trained model.

    Returns:
        Name (or label, where two have the name) and site of each.
    """
    if isinstance(model, TrainedModel):
        return [place for _, place in sorted(_trained_candidates(model))]
    found = sorted(_candidates(model), key=lambda item: item[0])
    return [place for _, place in found]


def _trained_candidates(model: TrainedModel) -> Iterator[tuple[tuple[bool, int, int], tuple[str, str]]]:
    for truth in model.variables():
        variable = truth.variable
        streams = [stage for stage in truth.stages if stage.certified and stage.rank and stage.sites[0].residual]
        if streams and streams[-1].distinguishing:
            site = streams[-1].sites[0]
            order = variable.readers == ("logits",), -len(variable.values), site.sublayer
            yield order, (variable.name, str(task_site(str(site))))


def _candidates(model: CompiledModel) -> Iterator[tuple[tuple[bool, bool, int, int, str], tuple[str, str]]]:
    names = [str(truth.variable) for truth in model.variables()]
    for truth in model.variables():
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
