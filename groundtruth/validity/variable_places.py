"""Variables at sites that tell featurizers apart, of models whose truth is known.

``python -m groundtruth.validity.variable_places`` lists them, in about five minutes. As of learned
models (``groundtruth.validity.headroom``), a place counts where swapping the whole site answers at most half of the
pairs rightly. No method has a part in the choice.

- Of every trained model: the place where that share is lowest, among certified spans of variables written or implicit.
- Of every compiled model: an implicit variable that says less than what it is computed from, at its last site before it
  is written. The one of the lowest share; it needs isolation pairs to learn from.
"""

import sys
from collections.abc import Iterator

from groundtruth.evaluation.variables.featurization_tasks import featurization_task
from groundtruth.evaluation.variables.informative_variables import FEW, full_vector_share, informative
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, load, load_compiled
from groundtruth.store.catalog import shipped_trained
from groundtruth.store.summaries import summaries
from groundtruth.validity.headroom import MOST_FULL

_LEAST_ISOLATIONS = 10
"""With fewer pairs of this kind to learn from, methods that learn from both kinds cannot be ranked."""


def trained_places() -> Iterator[str]:
    """The place with the most headroom of every shipped trained model that has one with headroom."""
    for name in shipped_trained():
        model = load(name)
        for variable, site in informative(model)[:1]:
            if full_vector_share(model, variable, site) <= MOST_FULL:
                yield f"{name}:{variable}@{site}"


def implicit_places() -> Iterator[str]:
    """The place with the most headroom of every shipped compiled model that has an implicit variable with headroom."""
    for name in sorted(item["name"] for item in summaries()):
        model = load_compiled(name)
        found = sorted((full_vector_share(model, *place), place) for place in implicit_with_isolations(model))
        if found and found[0][0] <= MOST_FULL:
            yield f"{name}:{'@'.join(found[0][1])}"


def implicit_with_isolations(model: CompiledModel) -> Iterator[tuple[str, str]]:
    """The implicit variables of a model that say less than their operands, each at its last site before it is written.

    Left out are those with too few isolation pairs to learn from.

    Args:
        model: A compiled model.
    """
    for truth in model.implicit_variables():
        stage = truth.stages[-1]
        if stage.certified and stage.interchange.distinguishing and len(truth.variable.values) < stage.n_states:
            site = str(task_site(str(stage.sites[-1])))
            task = featurization_task(model, truth.variable.label, site, sizes=FEW)
            if task.isolates is not None and int(task.isolates[task.split.train].sum()) >= _LEAST_ISOLATIONS:
                yield str(truth.variable), site


if __name__ == "__main__":
    for place in (*implicit_places(), *trained_places()):
        sys.stdout.write(f"{place}\n")
