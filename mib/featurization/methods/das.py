"""Distributed alignment search: learn the subspace whose interchange makes the output what the hypothesis predicts."""

import torch
from jaxtyping import Int
from torch import Tensor

from mib.featurization.featurizer import Featurizer
from mib.featurization.methods.random_subspace import random_rotation
from mib.featurization.registry import featurizer
from mib.featurization.rotation import Rotation
from mib.featurization.task import FeaturizationTask
from mib.featurization.training import Training, causes, learn, validation_accuracy
from mib.hyperparameters import Count, Rate, Share


@featurizer("das", cost="(F+B) a step", source="Geiger et al. 2023, arXiv 2303.02536; MIB, arXiv 2504.13151")
def das(
    task: FeaturizationTask,
    *,
    rank: Count = 16,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
    patience: Count = 5,
    restarts: Count = 1,
) -> Featurizer:
    """A subspace of fixed rank, learned by gradient descent on interchanges of the variable.

    Args:
        task: Task of the variable to find; isolation pairs are left out (``mdas`` learns from them too).
        rank: Dimensions; MIB uses 16 for pointers, 32 by default. The site's own where it has fewer.
        learning_rate: Learning rate of AdamW without weight decay.
        steps: At most; MIB runs 1 to 8 epochs over thousands of pairs.
        batch_size: Pairs a step.
        patience: Looks at the validation split, one every 25 steps, without a better accuracy or loss before
            it stops.
        restarts: Random starts, of which the one with the best validation accuracy is kept: DAS has local optima.
    """
    training = Training(steps, batch_size, patience)
    return aligned(task, causes(task), rank, learning_rate, training, restarts=restarts)


@featurizer("das-search", cost="(F+B) a step, for 2 log(rank) ranks", source="Geiger et al. 2023, arXiv 2303.02536")
def das_search(
    task: FeaturizationTask,
    *,
    enough: Share = 0.99,
    max_rank: Count = 64,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
    patience: Count = 5,
    restarts: Count = 3,
) -> Featurizer:
    """DAS of the smallest rank that suffices: ranks are doubled until one does, then bisected.

    Args:
        task: Task of the variable to find.
        enough: Share of the best validation accuracy that any rank reached which suffices.
        max_rank: Rank at which doubling ends.
        learning_rate: See ``das``.
        steps: See ``das``.
        batch_size: See ``das``.
        patience: See ``das``.
        restarts: See ``das``.
    """
    training, found = Training(steps, batch_size, patience), dict[int, tuple[float, Featurizer]]()

    def accuracy(rank: int) -> float:
        if rank not in found:
            candidate = aligned(task, causes(task), rank, learning_rate, training, restarts=restarts)
            found[rank] = (validation_accuracy(task, candidate), candidate)
        return found[rank][0]

    most, rank = min(max_rank, task.width), 1
    while accuracy(rank) < enough and rank < most:
        rank = min(2 * rank, most)
    # Relative to the best of any rank: on a site where no rank is perfect the least that suffices is still found.
    target = enough * max(reached for reached, _ in found.values())
    high = min(rank for rank, (reached, _) in found.items() if reached >= target)
    # The greatest rank that is known not to suffice below the least that does; accuracy is taken to grow with rank.
    low = max((rank for rank in found if rank < high), default=0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if accuracy(middle) >= target else (middle, high)
    return found[high][1]


@featurizer("mdas", cost="(F+B) a step", source="Huang et al. 2024 (RAVEL), arXiv 2402.17700", needs=("isolation",))
def mdas(
    task: FeaturizationTask,
    *,
    rank: Count = 16,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
    patience: Count = 5,
) -> Featurizer:
    """DAS on two objectives at once: cause pairs must change the output, isolation pairs must not.

    Args:
        task: Task of the variable to find, with isolation pairs.
        rank: See ``das``.
        learning_rate: See ``das``.
        steps: See ``das``.
        batch_size: See ``das``.
        patience: See ``das``.
    """
    return aligned(task, task.split.train, rank, learning_rate, Training(steps, batch_size, patience))


def aligned(
    task: FeaturizationTask,
    examples: Int[Tensor, "train"],
    rank: int,
    learning_rate: float,
    training: Training,
    *,
    restarts: int = 1,
) -> Featurizer:
    """The subspace that some examples teach: x' = x_base + R R^T (x_source - x_base).

    Args:
        task: Task of the variable to find.
        examples: Examples to learn from.
        rank: Dimensions.
        learning_rate: Learning rate of AdamW.
        training: Length of the training, and its batches.
        restarts: Random starts, of which the one with the best validation accuracy is kept.
    """
    generator = task.generator()
    found = [_from_a_random_start(task, examples, rank, learning_rate, training, generator) for _ in range(restarts)]
    # Without a comparison, which costs a run of the validation split.
    return found[0] if restarts == 1 else max(found, key=lambda candidate: validation_accuracy(task, candidate))


def _from_a_random_start(
    task: FeaturizationTask,
    examples: Tensor,
    rank: int,
    learning_rate: float,
    training: Training,
    generator: torch.Generator,
) -> Featurizer:
    start = random_rotation(task.width, rank, generator).to(task.anatomy.token_embedding)
    rotation = Rotation(start, generator)

    def swap(base: Tensor, source: Tensor) -> Tensor:
        columns = rotation()
        return base + (source - base) @ columns @ columns.T

    optimizer = torch.optim.AdamW(rotation.parameters(), lr=learning_rate, weight_decay=0.0)
    return learn(task, swap, lambda: Featurizer.subspace(rotation()), optimizer, training, examples=examples)
