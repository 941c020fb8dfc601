"""Optimal ablation: cut edges carry the constant with which the task's metric stays highest."""

from collections import defaultdict
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mib.graph import EdgeScores
from mib.hyperparameters import Count, Rate
from mib.localization.learned_masks import draw_examples, require_counts
from mib.localization.methods.exact import exact
from mib.localization.objectives import require_gradient
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.sublayers import reading_sublayers

Constants = Float[Tensor, "source d_model"]


@localizer(
    "optimal-ablation",
    cost="steps x S (F+B) of a batch, then E x F",
    source="Li and Janson 2024, arXiv 2409.09951",
    needs_gradient=True,
)
def optimal_ablation(
    task: LocalizationTask,
    *,
    steps: Count = 100,
    examples: Count = 16,
    learning_rate: Rate = 0.02,
) -> EdgeScores:
    """Measure how much the metric falls when an edge alone carries its optimal constant, whatever the ablation.

    Args:
        task: Task of the circuit to localize.
        steps: Steps of Adam for the constants, see ``optimal_constants``.
        examples: Examples a step.
        learning_rate: Learning rate of Adam.
    """
    constants = optimal_constants(task, steps=steps, examples=examples, learning_rate=learning_rate)
    return exact.edge_scores(with_constants(task, constants))


def optimal_constants(
    task: LocalizationTask, *, steps: int = 100, examples: int = 16, learning_rate: float = 0.02
) -> Constants:
    """One constant a source, with which the metric is highest when the source's output is replaced by it everywhere.

    Every source is replaced alone, all of them in the same step. They start at their means over tokens, and a source
    whose constant did worse on all examples than that mean keeps the mean.

    Args:
        task: The model, its inputs and its metric.
        steps: Steps of Adam.
        examples: Examples a step.
        learning_rate: Learning rate of Adam; published: 0.001, with thousands of steps.

    Returns:
        Constants for ``LocalizationTask(ablation="optimal", constants=...)``.
    """
    require_counts("optimal-ablation", steps=steps, examples=examples)
    require_gradient(task, by="optimal-ablation")
    mean, generator = mean_outputs(task), task.generator()
    constants = mean.clone().requires_grad_()
    optimizer = torch.optim.Adam([constants], lr=learning_rate)
    for _ in range(steps):
        # Adam descends, and the metric is to rise.
        constants.grad = -_slope(task, constants.detach(), draw_examples(task, examples, generator))
        optimizer.step()
    learned = constants.detach()
    # The mean is what learning started from: a constant that does worse is a failure of learning, not an optimum.
    better = metric_when_replaced(task, learned) > metric_when_replaced(task, mean)
    return torch.where(better[:, None], learned, mean)


def with_constants(task: LocalizationTask, constants: Constants) -> LocalizationTask:
    """The task with the ablation ``optimal``; what it runs is counted with what the task has run."""
    other = replace(task, ablation="optimal", constants=constants)
    other.engine.cost = task.engine.cost
    return other


def mean_outputs(task: LocalizationTask) -> Constants:
    """Give what each source writes, averaged over the tokens of an example and over examples."""
    total = torch.zeros(len(task.graph.sources), task.graph.d_model, dtype=torch.float64)
    for batch in task.batches():
        outputs, weights = task.engine.outputs(batch.clean), task.engine.position_weights(batch.clean)
        total += torch.einsum("espd,ep->sd", outputs.double(), weights).cpu()
    return total / len(task)


def metric_when_replaced(task: LocalizationTask, constants: Constants) -> Float[Tensor, "source"]:
    """The mean metric when each source alone is replaced by its constant."""
    other = with_constants(task, constants)
    _, cut = other.engine.measure_node_cuts(task.metric, task.everything.clean)
    return cut.double().mean(0).cpu()


def _slope(task: LocalizationTask, constants: Constants, examples: Int[Tensor, "row"]) -> Constants:
    """The gradient of the mean metric by each source's constant.

    What is replaced at a source changes nothing before its first reader, so the run starts there.
    """
    engine, slope = task.engine, torch.zeros_like(constants)
    for rows in engine.chunks(examples, work="gradients"):
        streams, ran = engine.streams_and_outputs(rows)
        outputs = engine.outputs(rows, known=ran)
        for first, sources in _by_first_reader(task).items():
            # Sources with one first reader are replaced in one run, each in rows of its own.
            alone = torch.cartesian_prod(torch.tensor(sources), torch.arange(len(rows)))
            for source, row in (pairs.unbind(1) for pairs in engine.chunks(alone, work="gradients")):
                change = constants.to(outputs)[source][:, None] - outputs[row, source]
                run = engine.trace(rows[row], stream=streams[first][row] + change, first=first, split=False)
                (gradient,) = torch.autograd.grad(task.metric(run.logits, rows[row]).sum(), run.start)
                for one in source.unique().tolist():  # summed as they would be alone, to the last digit
                    slope[one] += gradient[source == one].double().sum((0, 1)).cpu() / len(examples)
    return slope


def _by_first_reader(task: LocalizationTask) -> dict[int, list[int]]:
    """Sources, by the first sublayer that reads them."""
    graph, columns, by_reader = task.graph, task.engine.columns, defaultdict[int, list[int]](list)
    for source in range(len(graph.sources)):
        later = (reader for reader in reading_sublayers(graph.n_layers) if columns.readable(reader) > source)
        by_reader[next(later)].append(source)
    return by_reader
