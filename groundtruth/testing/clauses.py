"""Clauses of the contract of a method: what is promised of a run on a mock task, and how a breach of it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from groundtruth.testing.snapshot import Snapshot
from mib.errors import MibError, shorten
from mib.featurization import FeaturizationTask, Featurizer, measure_featurizer
from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.levels import Level
from mib.localization.registry import RESULT
from mib.localization.task import LocalizationTask

Track = Literal["circuits", "variables"]


@dataclass(frozen=True)
class MockRun:
    """One run of a method on a mock task.

    Attributes:
        name: Name of the mock model.
        before: The task, and its state before the run.
        result: Whatever the method returned; ``None`` if it raised.
        error: Whatever it raised, in words.
    """

    name: str
    before: Snapshot
    result: Any
    error: str = ""

    @property
    def task(self) -> Any:
        """The task that the method got."""
        return self.before.task


@dataclass(frozen=True)
class Clause:
    """One clause of the contract.

    Attributes:
        promise: The promise; ``{result}`` stands for what a method of the track returns.
        breach: Function of two runs on equal tasks: how they break the promise, and what was expected; empty if they
            keep it.
        only: The one track that it is about; ``None`` for both.
    """

    promise: str
    breach: Callable[[MockRun, MockRun], str]
    only: Track | None = None


def tell_error(run: MockRun, again: MockRun) -> str:
    """Say what either run raised."""
    return run.error or again.error


def tell_wrong_scores(run: MockRun, again: MockRun) -> str:
    """Say if the result is not scores of the task's graph, at its level."""
    wanted = RESULT[run.task.level]
    if not isinstance(run.result, wanted):
        return (
            f"returned a {type(run.result).__name__}; expected mib.{wanted.__name__}(task.graph, values) with values "
            f"of shape {_shape_of_scores(run.task)}."
        )
    if run.result.graph != run.task.graph:
        return f"returned scores of {run.result.graph}; expected task.graph, {run.task.graph}."
    return ""


def tell_unscored(run: MockRun, again: MockRun) -> str:
    """Name what has no finite score."""
    if not isinstance(run.result, EdgeScores | NodeScores | NeuronScores):
        return ""
    try:
        run.result.require_complete(by="the method")
    except MibError as error:
        return str(error)
    return ""


def tell_no_featurizer(run: MockRun, again: MockRun) -> str:
    """Say if the result of either run is no featurizer."""
    wrong = [item.result for item in (run, again) if not isinstance(item.result, Featurizer)]
    if not wrong:
        return ""
    return (
        f"returned a {type(wrong[0]).__name__}; expected a mib.Featurizer, such as "
        f"mib.Featurizer.subspace(rotation) with orthonormal columns, [{run.task.width}, rank]."
    )


def tell_unlawful(run: MockRun, again: MockRun) -> str:
    """Say how an interchange does more, or less, than swap features."""
    if not isinstance(run.result, Featurizer):
        return ""
    try:
        check = measure_featurizer(run.result, *_vectors(run.task))
    except MibError as error:
        return str(error)
    return "" if check.ok else f"{'; '.join(check.problems)}. At most {check.tolerance:.0e} is allowed."


def tell_difference(run: MockRun, again: MockRun) -> str:
    """Say if two runs on equal tasks returned different results."""
    if isinstance(run.result, Featurizer) and isinstance(again.result, Featurizer):
        first, second = (found.interchange(*_vectors(run.task)) for found in (run.result, again.result))
        what = "interchanges"
    else:
        first, second = _values(run.result), _values(again.result)
        what = "scores"
    if first is None or second is None:
        return "" if (first is None) == (second is None) else "scored once and failed once."
    # NaN is another clause's matter, and equal to itself here.
    if first.shape == second.shape and torch.equal(torch.nan_to_num(first), torch.nan_to_num(second)):
        return ""
    return f"two runs on equal tasks gave other {what}; expected the same. Draw random numbers from task.generator()."


def tell_changed_weights(run: MockRun, again: MockRun) -> str:
    """Name the weights that either run changed."""
    if not (changed := run.before.changed_weights() or again.before.changed_weights()):
        return ""
    return f"{shorten(changed)} changed; expected the same weights. Work on copy.deepcopy(task.model)."


def tell_hooks(run: MockRun, again: MockRun) -> str:
    """Name the hooks that either run left."""
    if not (left := run.before.hooks_left() or again.before.hooks_left()):
        return ""
    return f"hooks remain at {shorten(left)}; expected none. Use model.hooks(...) as a context, or reset_hooks()."


def tell_changed_inputs(run: MockRun, again: MockRun) -> str:
    """Name the inputs that either run changed."""
    if not (changed := run.before.changed_inputs() or again.before.changed_inputs()):
        return ""
    return f"{' and '.join(changed)} changed; expected the same token ids. Clone them before you write to them."


RUNS = Clause("runs", tell_error)
RETURNS_FEATURIZER = Clause("returns a mib.Featurizer", tell_no_featurizer)
LAWFUL = Clause("keeps its law: an interchange swaps features and nothing else", tell_unlawful)
SAME_SEED_SAME_RESULT = Clause("the same seed gives the same {result}", tell_difference)
KEEPS_WEIGHTS = Clause("leaves the weights as they were", tell_changed_weights)
LEAVES_NO_HOOKS = Clause("leaves no hooks behind", tell_hooks, "circuits")  # featurizers get tensors, and no module
KEEPS_INPUTS = Clause("leaves the inputs as they were", tell_changed_inputs)


def returns_scores(level: Level) -> Clause:
    """Make the clause on the kind of scores."""
    return Clause(f"returns {RESULT[level].__name__} of task.graph", tell_wrong_scores)


def scores_everything(level: Level) -> Clause:
    """Make the clause on complete scores."""
    return Clause(f"scores every {level}, by a finite number", tell_unscored)


def _values(result: Any) -> Tensor | None:
    values = getattr(result, "values", None)
    return None if values is None or callable(values) else torch.as_tensor(values)


def _vectors(task: FeaturizationTask) -> tuple[Tensor, Tensor]:
    base, source = task.activations()
    return base.flatten(0, 1), source.flatten(0, 1)


def _shape_of_scores(task: LocalizationTask) -> str:
    graph = task.graph
    match task.level:
        case "edge":
            return f"[{len(graph.sources)}, {len(graph.destinations)}] (source, destination) or [{len(graph.edges)}]"
        case "node":
            return f"[{len(graph.sources)}] (source)"
        case "neuron":
            return f"[{len(graph.sources)}, {graph.d_model}] (source, d_model)"
