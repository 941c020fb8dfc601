"""Properties of both tracks: nothing but the task may decide a result, and a method changes nothing that it is given.

Every assertion takes a localization method and a model, or a featurizer, a model, a ``variable`` and a ``site``.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groundtruth.model import CompiledModel
from groundtruth.testing.any_trial import AnyMethod, trial_of
from groundtruth.testing.featurizer_trial import FEW, FeaturizerTrial
from groundtruth.testing.localizer_trial import LocalizerTrial, largest_change
from groundtruth.testing.snapshot import Snapshot
from mib.engine import Metric
from mib.errors import shorten
from mib.featurization.registry import Method as FeaturizerFunction
from mib.graph import EdgeScores
from mib.localization.registry import Method as LocalizerFunction

SMALL_MEMORY = 1
"""Bytes that leave room for one example at a time."""


def assert_deterministic(method: AnyMethod, model: CompiledModel | str, **how: Any) -> None:
    """Assert that two runs on equal tasks agree to the bit, whatever the global generators were left at.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        how: ``seed``, ``dtype`` and ``parameters`` of the method; for a localization method ``ablation``, ``lengths``
            and ``n_pairs``; for a featurizer ``variable`` and ``site``, which make it one, and ``sizes``.

    Raises:
        MethodFailure: Saying where the results differ most.
    """
    trial = trial_of(method, model, **how)
    trial.record()
    torch.manual_seed(torch.initial_seed() ^ 1)
    np.random.seed(1)
    what, hint = "gives another result when it is run again", ("hint", "draw random numbers from task.generator()")
    trial.require_same(trial.run(), what, hint, check="deterministic", tolerance=0.0)


def assert_batch_size_free(
    method: AnyMethod, model: CompiledModel | str, *, tolerance: float | None = None, **how: Any
) -> None:
    """Assert that the result is the same when memory allows one example at a time.

    Args:
        method: See ``assert_deterministic``.
        model: See there.
        tolerance: A share of the largest score; for a featurizer a coordinate of a vector of unit variance.
        how: See there.

    Raises:
        MethodFailure: Saying where the results differ most.
    """
    trial = trial_of(method, model, **({"sizes": FEW, **how} if "variable" in how else how))
    small = trial.run(replace(trial.fresh(), memory=SMALL_MEMORY))
    trial.require_same(small, "depends on the size of batches", check="batch_size_free", tolerance=tolerance)


def assert_example_order_free(
    method: AnyMethod, model: CompiledModel | str, *, tolerance: float | None = None, **how: Any
) -> None:
    """Assert that the result is the same when the examples come in another order. See ``assert_batch_size_free``."""
    trial = trial_of(method, model, **how)
    other = trial.run(trial.shuffle(trial.fresh(), trial.seed + 1))
    what = "depends on the order of the examples"
    trial.require_same(other, what, check="example_order_free", tolerance=tolerance)


def assert_no_mutation(method: AnyMethod, model: CompiledModel | str, **how: Any) -> None:
    """Assert that a method leaves weights, inputs, hooks and torch's global settings as they were.

    Args:
        method: See ``assert_deterministic``.
        model: See there.
        how: See there.

    Raises:
        MethodFailure: Naming what was changed.
    """
    trial = trial_of(method, model, **how)
    before = Snapshot.of(trial.fresh(), trial.INPUTS)
    trial.run(before.task)
    if changed := before.changed_settings() + before.changed_inputs() + before.changed_weights():
        raise trial.failure("changes what it was given", ("changed", shorten(changed)), check="no_mutation")
    if left := before.hooks_left():
        raise trial.failure("leaves hooks behind", ("hooks", shorten(left)), check="no_mutation")


def assert_scale_equivariant(
    method: str | LocalizerFunction,
    model: CompiledModel | str,
    *,
    factor: float = 4.0,
    tolerance: float | None = None,
    **how: Any,
) -> None:
    """Assert that scores grow with the metric in proportion, or stay as they were. Localization methods only.

    Args:
        method: See ``assert_deterministic``.
        model: See there.
        factor: Multiplier of the metric; a power of two loses no digit.
        tolerance: A share of the largest score.
        how: See there.

    Raises:
        MethodFailure: Naming the edge that differs most after both are brought to one scale.
    """
    trial = LocalizerTrial.of(method, model, **how)
    task = trial.fresh()
    scaled = trial.run(replace(task, metric=_Scaled(task.metric, factor)))
    candidates = [EdgeScores(scaled.graph, scaled.flat / factor), scaled]
    best = min(candidates, key=lambda scores: largest_change(trial.numbers, scores.flat)[0])
    what = "ranks otherwise when the metric is scaled"
    trial.require_same(best, what, check="scale_equivariant", tolerance=tolerance)


def assert_seed_free(
    method: str | FeaturizerFunction,
    model: CompiledModel | str,
    *,
    tolerance: float | None = None,
    **how: Any,
) -> None:
    """Assert that a featurizer finds a variable as well with other random numbers, from the same pairs.

    Args:
        method: See ``assert_deterministic``.
        model: See there.
        tolerance: By how much the interchange accuracy may differ.
        how: See there.

    Raises:
        MethodFailure: With both accuracies.
    """
    trial = FeaturizerTrial.of(method, model, **how)
    other = trial.accuracy_of(trial.run(replace(trial.fresh(), seed=trial.seed + 1)))
    trial.require_as_good(other, "depends on its random numbers", check="seed_free", tolerance=tolerance)


@dataclass(frozen=True, eq=False)
class _Scaled:
    metric: Metric
    factor: float

    def __call__(self, logits: Tensor, examples: Tensor) -> Tensor:
        return self.factor * self.metric(logits, examples)
