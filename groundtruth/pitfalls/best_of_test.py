"""The best of many sites, chosen where it is scored."""

import itertools
from dataclasses import replace

import numpy as np
import torch

from groundtruth.evaluation.variables import Sizes, featurization_task
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from mib.featurization import FeaturizationTask, Featurizer, Site
from mib.featurization.methods.random_subspace import random_rotation
from mib.metrics.site_aggregate import mib_aggregate

CANDIDATES = 30
"""Subspaces tried in each layer, as MIB tries positions."""

SMALL = 40
"""Pairs in each split."""


@pitfall(
    "best-of-test",
    why="The highest of many noisy scores is high by luck, and the luck does not come back on other pairs.",
    instead="Choose sites, ranks and seeds on a split of their own, and score the choice once.",
    source="MIB's protocol, arXiv 2504.13151; Cawley and Talbot 2010, JMLR 11",
)
def best_of_test(*, seed: int = 0) -> Demonstration:
    """The best subspace for a variable that is a coin toss.

    Every pair of ``contains_x`` gets a fair coin as its predicted output, so that whatever is swapped, half of the
    predictions come true in the long run. Random subspaces are tried in two layers, MIB's aggregate takes the best;
    all numbers are means over many small splits.

    Args:
        seed: Seed of the coins, the pairs and the subspaces.
    """
    sizes = Sizes(train=1, validation=1, test=2_000)
    model = load_compiled("contains_x")
    asked = featurization_task(model, "has_x", "resid_post1", sizes=sizes, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    tasks, tried, came_true = [], [], []
    for layer in range(2):
        tasks.append(_tossed(asked, layer, generator))
        tried.append(_random_subspaces(tasks[-1].width, generator))
        came_true.append(torch.stack([tasks[-1].right(featurizer) for featurizer in tried[-1]]).numpy())
    right = np.stack(came_true)
    blocks = right[..., : right.shape[-1] // SMALL * SMALL].reshape(*right.shape[:2], -1, SMALL).mean(-1)
    luckiest = mib_aggregate(blocks[None, ..., 0])
    place = luckiest.positions[luckiest.layer]
    best, later, honest = list[float](), list[float](), list[float]()
    for test, validation in itertools.pairwise(range(blocks.shape[-1])):
        naive = mib_aggregate(blocks[None, ..., test])
        best.append(naive.best)
        others = np.delete(blocks[naive.layer, naive.positions[naive.layer]], test)
        later.append(float(others.mean()))
        honest.append(mib_aggregate(blocks[None, ..., test], choose_by=blocks[None, ..., validation]).best)
    return Demonstration(
        naive=(Finding("best accuracy, chosen where scored", float(np.mean(best)), least=0.6),),
        truth=(
            Finding("the same subspace on other pairs", float(np.mean(later)), least=0.45, most=0.55),
            Finding("best accuracy, chosen elsewhere", float(np.mean(honest)), least=0.45, most=0.55),
        ),
        model=model,
        exhibits={"luckiest": Exhibit(tasks[luckiest.layer], tried[luckiest.layer][place])},
    )


def _tossed(task: FeaturizationTask, layer: int, generator: torch.Generator) -> FeaturizationTask:
    """The task at another layer, where a coin says what is expected at the changed position, and nothing elsewhere."""
    coins = torch.randint(2, (len(task), 1), generator=generator)
    return replace(
        task,
        site=Site.residual(layer, "post"),
        expected=coins.expand_as(task.mask).clone(),
        mask=torch.zeros_like(task.mask).scatter(1, task.pairs.base_positions, True),
        isolates=None,
        readout=None,
    )


def _random_subspaces(width: int, generator: torch.Generator) -> list[Featurizer]:
    return [Featurizer.subspace(random_rotation(width, width // 2, generator)) for _ in range(CANDIDATES)]
