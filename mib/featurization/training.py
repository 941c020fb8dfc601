"""What all trained featurizers share: minibatches, a schedule, and a choice by the validation split."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from mib.errors import MethodError
from mib.featurization.featurizer import Featurizer
from mib.featurization.task import FeaturizationTask

Swap = Callable[[Tensor, Tensor], Tensor]
"""From base and source activations [batch, chosen, d_site] to patched ones; differentiable."""


EVERY = 25
"""Steps between two looks at the validation split."""


@dataclass(frozen=True)
class Training:
    """How long and in what batches to learn.

    Attributes:
        steps: Steps of the optimizer, at most. MIB's 1 to 8 epochs over thousands of pairs are a few hundred.
        batch_size: Examples a step; the examples are shuffled anew each time all were seen.
        patience: Looks at the validation split, one every 25 steps, without a better accuracy or loss before it
            stops; None to run all steps, as a schedule that ends with the last one must.
    """

    steps: int
    batch_size: int
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise MethodError(f"{name}={value}; use at least 1.")


def learn(
    task: FeaturizationTask,
    swap: Swap,
    found: Callable[[], Featurizer],
    optimizer: torch.optim.Optimizer,
    training: Training,
    *,
    examples: Int[Tensor, "train"] | None = None,
    penalty: Callable[[], Tensor] | None = None,
    anneal: Callable[[float], None] | None = None,
) -> Featurizer:
    """Minimise the loss of interchanges, and return the best that was found on the way.

    The best has the highest interchange accuracy on the validation split, then the lowest loss there.

    Args:
        task: Task of the variable to learn.
        swap: The interchange, softened where it must be to have gradients.
        found: The featurizer as it is now, with hard choices, in tensors of its own.
        optimizer: Optimizer of all that ``swap`` learns.
        training: Length of the training, and its batches.
        examples: Examples to learn from; default: the training split.
        penalty: Added to the loss.
        anneal: Called before each step with the share of steps done, 0 at the first.

    Raises:
        MethodError: If there is nothing to learn from.
    """
    examples = task.split.train if examples is None else examples
    if not len(examples):
        raise MethodError("there is no pair to learn from: give the task a split with training examples.")
    choice = _Choice(task, found, penalty)
    for step, batch in enumerate(_batches(examples, training, task.generator()), start=1):
        if anneal is not None:
            # From 0 at the first step to 1 at the last, also where there is but one.
            anneal((step - 1) / max(1, training.steps - 1))
        _step(task, swap, optimizer, penalty, batch)
        if (step % EVERY == 0 or step == training.steps) and choice.is_final(training.patience):
            break
    return choice.best


def _batches(examples: Tensor, training: Training, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield as many batches as there are steps, the examples shuffled anew each time all were seen."""
    n_batches = -(-len(examples) // training.batch_size)
    for step in range(training.steps):
        # All examples once before any comes again.
        if step % n_batches == 0:
            order = torch.randperm(len(examples), generator=generator).to(examples.device)
            batches = examples[order].split(training.batch_size)
        yield batches[step % n_batches]  # pyright: ignore[reportPossiblyUnboundVariable] - step 0 shuffles


def _step(
    task: FeaturizationTask,
    swap: Swap,
    optimizer: torch.optim.Optimizer,
    penalty: Callable[[], Tensor] | None,
    batch: Tensor,
) -> None:
    """One step; a batch that does not fit into the memory is run in parts, whose gradients add up to its own."""
    optimizer.zero_grad()
    # Each part weighted by its places, so that the gradient is that of the whole batch.
    for part in task.pairs.batches(batch):
        loss = task.answers.loss(task.logits(part, swap(*task.activations(part))), part)
        (loss * (task.answers.n_places(part) / task.answers.n_places(batch))).backward()
    if penalty is not None:
        penalty().backward()
    optimizer.step()


class _Choice:
    """The best of the featurizers found so far; the last where there is nothing to choose by."""

    def __init__(
        self, task: FeaturizationTask, found: Callable[[], Featurizer], penalty: Callable[[], Tensor] | None
    ) -> None:
        self._task, self._found, self._penalty = task, found, penalty
        self._best_accuracy = self._best_gain = self._gain_of_best = -math.inf
        self._since = 0
        self.best = found()

    @torch.no_grad()
    def is_final(self, patience: int | None) -> bool:
        """Look at what is found now; whether neither accuracy nor loss was better for too long."""
        candidate = self._found()
        # With nothing to choose by the last is the best that is known.
        if not len(self._task.split.validation):
            self.best = candidate
            return False
        score = self._scored(candidate)
        # Either counts as progress: accuracy stands still for long while the loss falls.
        self._since = 0 if score[0] > self._best_accuracy or score[1] > self._best_gain else self._since + 1
        if score > (self._best_accuracy, self._gain_of_best):
            self.best, self._gain_of_best = candidate, score[1]
        self._best_accuracy = max(score[0], self._best_accuracy)
        self._best_gain = max(score[1], self._best_gain)
        return patience is not None and self._since >= patience

    def _scored(self, candidate: Featurizer) -> tuple[float, float]:
        """Accuracy, then minus the loss; higher is better."""
        task, right, loss, validation = self._task, 0, 0.0, self._task.split.validation
        for batch in task.pairs.batches(validation):
            logits = task.logits(batch, candidate.interchange(*task.activations(batch)))
            right += int(task.answers.right(logits, batch).sum())
            # A batch's loss is a mean over its places: weighted by these, the sum is the same in whatever batches.
            loss += float(task.answers.loss(logits, batch)) * task.answers.n_places(batch)
        extra = 0.0 if self._penalty is None else float(self._penalty())
        return right / len(validation), -(loss / task.answers.n_places(validation) + extra)


def validation_accuracy(task: FeaturizationTask, featurizer: Featurizer) -> float:
    """Share of right interchanges on the validation split, or on the training split where there is none."""
    examples = task.split.validation if len(task.split.validation) else task.split.train
    return float(task.right(featurizer, examples=examples).double().mean())


def causes(task: FeaturizationTask) -> Int[Tensor, "cause"]:
    """Training examples that swap the variable itself: all but the isolation pairs."""
    train = task.split.train
    return train if task.isolates is None else train[~task.isolates[train]]
