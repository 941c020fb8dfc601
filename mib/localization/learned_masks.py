"""Masks that are learned: what they have one number for, how hard-concrete numbers are drawn, and their gradient."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.metric import Metric
from mib.errors import MethodError
from mib.graph import EdgeScores, Graph, NodeScores
from mib.levels import Level
from mib.localization.objectives import Loss, Objective, require_gradient
from mib.localization.task import LocalizationTask

Weights = Float[Tensor, "#row part"]
"""One number a part, between 0 (cut) and 1 (kept); one row for all examples, or one for each."""


@dataclass(frozen=True)
class Parts:
    """What a mask has one number for.

    Attributes:
        graph: Whose parts.
        level: ``edge``: every edge has a number; ``node``: every source, which serves all of its edges.
    """

    graph: Graph
    level: Level

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.graph.edges) if self.level == "edge" else len(self.graph.sources)

    def kept(self, weights: Weights) -> Float[Tensor, "row source destination"]:
        """The weights as the engine takes them, differentiable."""
        shape = self.graph.edge_mask.shape
        if self.level == "node":
            return weights[:, :, None].expand(-1, *shape)
        rows, columns = (torch.from_numpy(index.copy()).to(weights.device) for index in self.graph.edge_index)
        return weights.new_zeros(len(weights), *shape).index_put(
            (torch.arange(len(weights))[:, None], rows, columns), weights
        )

    def scores(self, values: Float[Tensor, "part"]) -> EdgeScores | NodeScores:
        """A number a part as scores."""
        kind = EdgeScores if self.level == "edge" else NodeScores
        return kind(self.graph, values.detach().cpu().double().numpy())


@dataclass(frozen=True)
class HardConcrete:
    """A number between 0 and 1 that is exactly 0 or exactly 1 with positive probability.

    A concrete (relaxed Bernoulli) variable, stretched beyond [0, 1] and clamped to it. Source: Louizos et al. 2018,
    arXiv 1712.01312, section 2.2.

    Attributes:
        temperature: beta; the lower, the closer to 0 or 1.
        low: gamma, where the stretched interval starts.
        high: zeta, where it ends.
    """

    temperature: float = 2 / 3
    low: float = -0.1
    high: float = 1.1

    def draw(self, log_alpha: Float[Tensor, "*many part"], generator: torch.Generator) -> Float[Tensor, "*many part"]:
        """A sample, differentiable in ``log_alpha``."""
        u = torch.rand(log_alpha.shape, generator=generator, dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
        return self._stretch((torch.logit(u) + log_alpha) / self.temperature)

    def middle(self, log_alpha: Float[Tensor, "*many part"]) -> Float[Tensor, "*many part"]:
        """The value without noise."""
        return self._stretch(log_alpha / self.temperature)

    def probability_open(self, log_alpha: Float[Tensor, "*many part"]) -> Float[Tensor, "*many part"]:
        """Compute how likely it is not to be 0; its mean is the expected share of open parts (L0)."""
        return torch.sigmoid(log_alpha - self.temperature * math.log(-self.low / self.high))

    def log_alpha(self, middle: Float[Tensor, "*many part"]) -> Float[Tensor, "*many part"]:
        """Return where the value without noise is ``middle``, strictly between ``low`` and ``high``."""
        return self.temperature * torch.logit((middle - self.low) / (self.high - self.low))

    def _stretch(self, logit: Float[Tensor, "*many part"]) -> Float[Tensor, "*many part"]:
        return (torch.sigmoid(logit) * (self.high - self.low) + self.low).clamp(0, 1)


def require_counts(by: str, **counts: int) -> None:
    """Refuse a number of steps, examples or samples below one.

    Raises:
        MethodError: Naming the first such parameter.
    """
    for name, count in counts.items():
        if count < 1:
            raise MethodError(f"{by}: {name}={count}; expected at least 1.")


def trainable_loss(task: LocalizationTask, objective: Objective, *, by: str) -> Loss:
    """The loss that masks are trained on.

    Raises:
        MethodError: If there is nothing to find, or the objective is a metric without a gradient.
    """
    loss = Loss.of(task, objective, by=by)
    if objective == "task":
        require_gradient(task, by=by)
    return loss


def draw_examples(task: LocalizationTask, n: int, generator: torch.Generator) -> Int[Tensor, "row"]:
    """Different examples, as many as asked for or as there are."""
    return torch.randperm(len(task), generator=generator)[:n].to(task.engine.inputs.device)


def backward(
    task: LocalizationTask, loss: Metric, parts: Parts, weights: Weights, examples: Int[Tensor, "row"]
) -> float:
    """Add the gradient of the mean loss of masked runs to the parameters that the weights were computed from.

    The rows are run in as many chunks as the memory asks for, without changing the sum.

    Args:
        task: The model and its inputs.
        loss: Loss of each run; lower is better.
        parts: Parts that the weights belong to.
        weights: One row for all examples or one for each, with a gradient.
        examples: Examples to run.

    Returns:
        The mean loss.
    """
    gradient, total = torch.zeros_like(weights), 0.0
    for chunk in task.engine.chunks(torch.arange(len(examples)), work="gradients"):
        rows, own = examples[chunk], slice(None) if len(weights) == 1 else chunk.to(weights.device)
        leaf = weights.detach()[own].requires_grad_()
        logits = task.engine.run_soft(parts.kept(leaf), rows, rows + len(task))
        value = loss(logits, rows).double().sum() / len(examples)
        gradient[own] += torch.autograd.grad(value, leaf)[0]
        total += value.item()
        task.engine.cost.backward += len(rows)
    weights.backward(gradient)
    return total


def mean_of_circuits(
    task: LocalizationTask,
    metric: Metric,
    kept: Bool[Tensor, "circuit source destination"],
    examples: Int[Tensor, "example"],
) -> Float[Tensor, "circuit"]:
    """The mean of a metric over examples for each of many circuits; equal circuits are run once.

    Args:
        task: The model and its inputs.
        metric: Called with logits and examples.
        kept: Edges of each circuit.
        examples: Examples to run.
    """
    distinct, place = torch.unique(kept, dim=0, return_inverse=True)
    at_once = max(1, task.memory // 4 // (len(examples) * kept[0].numel()))
    means: list[Tensor] = []
    for part in distinct.split(at_once):
        rows = examples.repeat(len(part))
        circuits = part.repeat_interleave(len(examples), dim=0)
        values = task.engine.measure(metric, circuits, rows, rows + len(task))
        means.append(values.double().reshape(len(part), -1).mean(1).cpu())
    return torch.cat(means)[place]
