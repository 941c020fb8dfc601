"""Headroom: sites of learned models that tell featurizers apart, found on prompts that they are not scored on.

Where swapping the whole vector is as good as swapping the variable, every method that swaps much looks good. A site is
a yardstick only where the full vector answers at most half of the pairs rightly and the best method nine in ten.
``python -m groundtruth.validity.headroom NAME ...`` searches models and writes what it finds to ``headroom.json``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

import mib
from groundtruth.bench.variable_subjects import LANGUAGE_MODEL_SIZES, PARAMETERS
from groundtruth.errors import ArtifactError
from groundtruth.evaluation.variables.language_model_variables import LAST
from groundtruth.files import from_json, to_json, write_whole
from mib import TaskError, featurization, learned, tasks
from mib.featurization import FeaturizationTask, Site
from mib.metrics.interchange_scores import distinguishing, interchange_scores, scored_examples

SHIPPED = Path(__file__).parent / "headroom.json"
SCHEMA_VERSION = 1

MOST_FULL, LEAST_BEST = 0.5, 0.9
"""What the full vector may reach, and what the best method must, of the pairs that go wrong if nothing is swapped."""

SEARCHED_BY = ("das", "bijection-das")
"""Methods of which the better one is the best: a linear one and one that is not."""

SPLIT = "train"
"""Part of the data that is searched on. Benchmarks score on the part ``test``, which shares no prompt with it."""


@dataclass(frozen=True)
class Place:
    """A variable at a site of a model, and what methods reach there on the part that is searched on.

    Attributes:
        model: Name of the learned model.
        task: Task and family of counterfactuals, ``task:family``.
        variable: Variable of the task's causal model.
        site: Site with the name of a position.
        full_vector: Share of distinguishing pairs that come out as predicted if the whole vector is swapped.
        reached: The same by each method of the search; none where the full vector already reaches too much, or swaps
            too little for any method.
    """

    model: str
    task: str
    variable: str
    site: str
    full_vector: float
    reached: dict[str, float]

    @property
    def best(self) -> float:
        """The most that a method of the search reaches."""
        return max(self.reached.values(), default=0.0)

    @property
    def has_headroom(self) -> bool:
        """Whether it is a yardstick."""
        return self.full_vector <= MOST_FULL and self.best >= LEAST_BEST


def search(model: str, task: str, *, n: int = LANGUAGE_MODEL_SIZES.total, seed: int = 0) -> Iterator[Place]:
    """Try every variable of a task by every family at every block, before and behind its MLP, at every named position.

    Variables and families are left out with which the counterfactual's own answer is right on more than half of the
    pairs: whatever site holds it all has no headroom.

    Args:
        model: Name of a learned model.
        task: Name of a task that it can do.
        n: Number of pairs, to learn from, to choose by and to score on.
        seed: Seed of the pairs and the methods.
    """
    loaded, about = mib.load_model(model), tasks.get(task)
    sites = [Site.residual(layer, stage) for layer in range(loaded.anatomy.n_layers) for stage in ("mid", "post")]
    for variable, family in product(about.variables, about.families):
        build = partial(
            about.featurization, loaded, variable=variable, family=family, n=n, seed=seed, split=SPLIT
        )  # fmt: skip
        try:
            can = _can_have_headroom(build(site=sites[0]))
        except TaskError:  # a family that holds fixed what the answer follows from has no pairs
            continue
        for site, position in product(sites, (LAST, *about.positions) if can else ()):
            full, reached = reach(build(site=site, position=position))
            yield Place(model, f"{task}:{family}", variable, f"{site}@{position}", full, reached)


def reach(task: FeaturizationTask) -> tuple[float, dict[str, float]]:
    """Measure the full vector and, where it leaves room, each method of the search.

    Returns:
        Shares of the distinguishing pairs of the test split that come out as predicted: by the full vector, and by each
        method. No method is run where swapping everything leaves half of these answers what they were.
    """
    full = featurization.get("full-vector")(task)
    share = _score(task, full)
    examples = scored_examples(task)
    last = task.mask[examples]
    # Swapping no feature, and all of them.
    plain, swapped = (task.interchange(full, used, examples=examples).argmax(-1) for used in ([], None))
    moved = ((plain != swapped) & last).any(1)[distinguishing(task, examples=examples)]
    if share > MOST_FULL or float(moved.double().mean()) < MOST_FULL:
        return share, {}
    return share, {name: _score(task, featurization.get(name)(task, **PARAMETERS[name])) for name in SEARCHED_BY}


def _score(task: FeaturizationTask, found: featurization.Featurizer) -> float:
    return round(interchange_scores(task, found).distinguishing.value, 4)


def _can_have_headroom(task: FeaturizationTask) -> bool:
    """Tell whether there are pairs that distinguish, and the counterfactual's own answer is right on half at most."""
    wrong = distinguishing(task)
    own = task.anatomy.logits(task.source, task.source_attention_mask).argmax(-1)[:, -1]
    right = (own == task.expected[:, -1])[wrong]
    return bool(wrong.any()) and float(right.double().mean()) <= MOST_FULL


def choose(places: Sequence[Place]) -> list[Place]:
    """Choose of each model, task and variable the site with headroom at which the best method gains most.

    Neighbouring sites hold much the same; one of each keeps a mean from counting one site several times.
    """
    chosen: dict[tuple[str, str, str], Place] = {}
    for place in places:
        key = (place.model, place.task, place.variable)
        gain = place.best - place.full_vector
        if place.has_headroom and (key not in chosen or gain > chosen[key].best - chosen[key].full_vector):
            chosen[key] = place
    return list(chosen.values())


def read_headroom(path: Path = SHIPPED) -> list[Place]:
    """Read all places that were searched.

    Raises:
        ArtifactError: If the file is none of a search.
    """
    try:
        data: dict[str, Any] = from_json(path.read_bytes())
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {data['schema_version']!r}; this version reads {SCHEMA_VERSION}")
        return [Place(**place) for place in data["places"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is no file of searched places: {error}") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Search the models that are named, by default all that write digits; what is known of others stays in the file."""
    torch.set_num_threads(1)
    named = sys.argv[1:] if arguments is None else arguments
    models = named or [
        name for name in learned.panel_members() if any("digits-" in task for task in learned.tasks(name))
    ]
    places = [place for place in read_headroom(SHIPPED) if place.model not in models] if SHIPPED.is_file() else []
    for model in models:
        for task in learned.tasks(model):
            for place in search(model, task):
                places.append(place)
                sys.stderr.write(f"{place}\n")
    places.sort(key=lambda place: place.model)
    data = {"schema_version": SCHEMA_VERSION, "split": SPLIT, "places": [asdict(place) for place in places]}
    write_whole(SHIPPED, to_json(data))
    for place in choose(places):
        sys.stdout.write(f"{place.model}:{place.variable}@{place.site} --task {place.task}\n")


if __name__ == "__main__":
    main()
