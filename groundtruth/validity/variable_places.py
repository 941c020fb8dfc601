"""Variables at sites that tell featurizers apart, of models whose truth is known.

``python -m groundtruth.validity.variable_places`` lists them. As of learned models (``groundtruth.validity.headroom``),
a place counts where swapping the whole site answers at most half of the pairs rightly. No method has a part in the
choice.

- Of soft variants: computed variables where they are written, one a model, at those of the lowest share; the same
  variables in the models as compiled and rotated.
- Of every trained model: the place where that share is lowest, among certified spans of variables written or implicit.
- Of every compiled model: an implicit variable that says less than what it is computed from, at its last site before it
  is written. The one of the lowest share; it needs isolation pairs to learn from.
"""

import sys
from collections.abc import Iterator

import torch

from groundtruth.bench.variable_subjects import MAX_EDGES
from groundtruth.evaluation.variables.featurization_tasks import featurization_task
from groundtruth.evaluation.variables.informative_variables import FEW, full_vector_share, informative
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, KnownModel, load, load_compiled
from groundtruth.specs import find_model
from groundtruth.store.catalog import shipped_trained
from groundtruth.store.summaries import summaries
from groundtruth.validity.headroom import MOST_FULL

_LEAST_ISOLATIONS = 10
"""With fewer pairs of this kind to learn from, methods that learn from both kinds cannot be ranked."""

N_WRITTEN = 6
"""Number of variables that are sought where they are written, each in three forms of its model."""

_FORMS = ("", "@rotated", "@soft")
_GIVEN = ("tokens", "indices")
"""Variables that nothing computes."""


def written_places() -> Iterator[str]:
    """Computed variables with the most headroom in soft variants, and the same in the raw and rotated models."""
    found: list[tuple[float, str, str]] = []
    for name in sorted(item["name"] for item in summaries() if item["edges"] <= MAX_EDGES):
        model = find_model(f"{name}{_FORMS[-1]}")
        computed = [place for place in informative(model) if place[0] not in _GIVEN]
        shares = [(full_vector_share(model, *place), place) for place in computed if has_isolations(model, *place)]
        if shares and min(shares)[0] <= MOST_FULL:
            share, place = min(shares)
            found.append((share, name, "@".join(place)))
    for form in _FORMS:
        for _, name, place in sorted(found)[:N_WRITTEN]:
            yield f"{name}{form}:{place}"


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
            if has_isolations(model, str(truth.variable), site):
                yield str(truth.variable), site


def has_isolations(model: KnownModel, variable: str, site: str) -> bool:
    """Tell whether a place has isolation pairs to learn from, so that methods can be ranked that need them.

    Args:
        model: A compiled or trained model.
        variable: Name of a variable.
        site: Site at which it is sought.
    """
    task = featurization_task(model, variable, site, sizes=FEW, dtype=torch.float64)
    return task.isolates is not None and int(task.isolates[task.split.train].sum()) >= _LEAST_ISOLATIONS


if __name__ == "__main__":
    for place in (*written_places(), *implicit_places(), *trained_places()):
        sys.stdout.write(f"{place}\n")
