"""Measure many circuits of a task: its metric for every circuit on every example."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mib.errors import TaskError
from mib.localization.task import Batch, LocalizationTask
from mib.metrics.circuit_selection import Circuits

SMALLEST_GAP = 1e-6
"""Full and empty circuit must differ by this share of the larger one, or faithfulness would divide by noise."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The metric of circuits, an example at a time.

    Attributes:
        full: float64 [example], of the whole model on the clean inputs.
        empty: float64 [example], of the circuit without edges.
        circuits: float64 [circuit, example].
    """

    full: NDArray[np.float64]
    empty: NDArray[np.float64]
    circuits: NDArray[np.float64]

    def faithfulness(self) -> NDArray[np.float64]:
        """(m(circuit) - m(empty)) / (m(full) - m(empty)) of the means over examples, [circuit].

        Raises:
            TaskError: If full model and empty circuit have the same metric, so that there is nothing to recover.
        """
        full, empty = float(self.full.mean()), float(self.empty.mean())
        if abs(full - empty) <= SMALLEST_GAP * max(abs(full), abs(empty)):
            raise TaskError(
                f"the metric is {full:.6g} for the whole model and {empty:.6g} for the empty circuit: there is nothing "
                "to recover. Use pairs whose answers differ, or another metric or ablation."
            )
        return (self.circuits.mean(axis=1) - empty) / (full - empty)


def measure(
    task: LocalizationTask, circuits: Circuits, *, report: Callable[[int], object] = lambda done: None
) -> Measurement:
    """Run circuits on all examples of a task and measure each.

    Equal circuits are run once; the whole model is a plain run, and so is the empty circuit under resampling, which
    is the model on the counterfactual inputs.

    Args:
        task: The model, its inputs, and what to measure.
        circuits: Circuits of ``task.graph``.
        report: Told after each part that is run at once how many circuits are done.

    Raises:
        TaskError: If the circuits are of another graph.
    """
    if circuits.graph != task.graph:
        raise TaskError(f"the circuits are of {circuits.graph}; the task's graph is {task.graph}.")
    is_full, is_empty = _trivial(circuits)
    distinct, place = _distinct(circuits)
    by_run = [index for index in distinct if not is_full[index] and not is_empty[index]]
    values = np.empty((len(circuits) + 2, len(task)))
    done = len(circuits) - len(by_run)
    for rows, metric in _runs(task, circuits, by_run):
        values[rows] = metric
        done += len(rows)
        report(done)
    # Not run as a circuit with all edges, which rounds in another order than the model.
    values[-2] = _plain(task, clean=True)
    values[-1] = _plain(task, clean=False) if task.cuts_to_counterfactual else _empty(task)
    first = np.array([-2 if is_full[i] else -1 if is_empty[i] else i for i in place], dtype=np.int64)
    return Measurement(full=values[-2], empty=values[-1], circuits=values[first])


def _trivial(circuits: Circuits) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    edges = circuits.graph.edge_mask
    is_full = np.asarray((circuits.kept | ~edges).all(axis=(1, 2)))
    is_empty = np.asarray(~(circuits.kept & edges).any(axis=(1, 2)))
    if circuits.neurons is not None:
        # Every edge with some neurons cut is not the whole model; without edges neurons play no part.
        is_full = is_full & circuits.neurons.all(axis=(1, 2))
    return is_full, is_empty


def _distinct(circuits: Circuits) -> tuple[list[int], list[int]]:
    """The first circuit of each kind, and for each circuit the first one that equals it."""
    seen: dict[bytes, int] = {}
    place: list[int] = []
    # Entries that are no edges do not tell circuits apart.
    for index, kept in enumerate(circuits.kept & circuits.graph.edge_mask):
        key = np.packbits(kept).tobytes()
        if circuits.neurons is not None:
            key += np.packbits(circuits.neurons[index]).tobytes()
        place.append(seen.setdefault(key, index))
    return sorted(set(place)), place


def _runs(
    task: LocalizationTask, circuits: Circuits, indices: list[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Metric of the circuits of some indices, [circuit, example], in parts that fit into the task's memory."""
    chosen = np.array(indices, dtype=np.int64)
    for part in np.array_split(chosen, -(-len(chosen) // _circuits_at_once(task)) or 1):
        if not len(part):
            continue
        kept = torch.from_numpy(circuits.kept[part])
        neurons = None if circuits.neurons is None else torch.from_numpy(circuits.neurons[part])
        yield part, _run(task, kept, neurons)


def _run(task: LocalizationTask, kept: Tensor, neurons: Tensor | None) -> NDArray[np.float64]:
    n_circuits, everything = len(kept), task.everything
    device = everything.examples.device

    def spread(weights: Tensor) -> Tensor:
        return weights.to(device).repeat_interleave(len(task), dim=0)

    examples = everything.examples.repeat(n_circuits)
    logits = task.engine.run(
        spread(kept),
        everything.clean.repeat(n_circuits),
        everything.counterfactual.repeat(n_circuits),
        neurons=None if neurons is None else spread(neurons),
    )
    return _numbers(task.metric(logits, examples)).reshape(n_circuits, len(task))


def _empty(task: LocalizationTask) -> NDArray[np.float64]:
    shape = (1, len(task.graph.sources), len(task.graph.destinations))
    return _run(task, torch.zeros(shape, dtype=torch.bool), None)[0]


def _plain(task: LocalizationTask, *, clean: bool) -> NDArray[np.float64]:
    def measured(batch: Batch) -> NDArray[np.float64]:
        logits = task.engine.logits(batch.clean if clean else batch.counterfactual)
        return _numbers(task.metric(logits, batch.examples))

    return np.concatenate([measured(batch) for batch in task.batches()])


def _circuits_at_once(task: LocalizationTask) -> int:
    """Return how many circuits have their masks and logits in half of the task's memory."""
    anatomy, graph = task.engine.anatomy, task.graph
    masks = len(graph.sources) * (len(graph.destinations) + graph.d_model)
    logits = task.clean.shape[1] * anatomy.W_U.shape[1] * anatomy.W_U.element_size()
    # Half, for the engine has the other half for the runs themselves.
    return max(1, task.memory // 2 // (len(task) * (masks + logits)))


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.detach().to("cpu", torch.float64).numpy()
