"""Not a way to find circuits: a ranking trained for the number that rankings are judged by.

CPR rewards whatever circuit has a high metric, above the whole model's too, and no circuit for being the true one. So
a ranking can be fitted to it: throw out, again and again, the edges without which the metric is highest; then move
edges up or down as long as the area under the metric grows. Where that reaches a CPR that other methods do not, and
ranks no truer, CPR has been raised without truth.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mib.graph import EdgeScores
from mib.hyperparameters import Count, Several, SomeShare
from mib.localization.learned_masks import draw_examples, mean_of_circuits
from mib.localization.methods.exact import exact
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import every_size

Order = Int[Tensor, "edge"]
Examples = Int[Tensor, "example"]


@localizer(
    "cpr-gaming",
    cost="E x F of a batch / share, E x F, rounds",
    source="a counterexample of this suite",
    control=True,
)
def cpr_gaming(
    task: LocalizationTask,
    *,
    share: SomeShare = 0.1,
    rounds: Count = 24,
    proposals: Count = 8,
    sizes: Several = 13,
    examples: Count = 32,
) -> EdgeScores:
    """A ranking by elimination (or by exact effects, if its area is larger), after hill climbing on CPR.

    The best edge scores 1, the worst 1 / E.

    Args:
        task: Task of the circuit to localize.
        share: Share of the edges that are left which elimination throws out after trying each.
        rounds: Number of times that the best of some moves is made, if it is an improvement.
        proposals: Moves tried in a round, each of an edge to another rank.
        sizes: Number of circuit sizes that the area is taken over, at least 2.
        examples: Number of examples that the metric is taken over.
    """
    generator, effects = task.generator(), exact.edge_scores(task)
    by_effect = _round_off(torch.from_numpy(effects.flat)).argsort(descending=True, stable=True)
    chosen, grid = draw_examples(task, examples, generator), every_size(effects, limit=sizes)
    starts = torch.stack((eliminate(task, share, chosen), by_effect))
    reached = areas(task, starts, grid, chosen)
    order, highest = starts[int(reached.argmax())], reached.max()
    for _ in range(rounds):
        moved = torch.stack([_move(order, generator) for _ in range(proposals)])
        reached = areas(task, moved, grid, chosen)
        # Only a strict gain: moves between ties would wander without end.
        if reached.max() > highest:
            order, highest = moved[int(reached.argmax())], reached.max()
    ranks = torch.empty(len(order), dtype=torch.float64)
    ranks[order] = torch.arange(len(order), 0, -1, dtype=torch.float64) / len(order)
    return EdgeScores(task.graph, ranks.numpy())


def eliminate(task: LocalizationTask, share: float, examples: Examples) -> Order:
    """All edges, those first that stay longest when the metric of what is left is kept as high as can be."""
    rows, columns = (torch.from_numpy(index.copy()) for index in task.graph.edge_index)
    kept, left = torch.from_numpy(task.graph.edge_mask.copy()), torch.arange(len(rows))
    thrown: list[Tensor] = []
    while len(left):
        without = kept.repeat(len(left), 1, 1)
        without[torch.arange(len(left)), rows[left], columns[left]] = False
        metric = mean_of_circuits(task, task.metric, without, examples)
        best = _round_off(metric).argsort(descending=True, stable=True)
        out, left = left[best].tensor_split([math.ceil(share * len(left))])
        kept[rows[out], columns[out]] = False
        thrown.append(out)
        # In the order of edges, by which the next round breaks its ties.
        left = left.sort().values
    return torch.cat(thrown).flip(0)


def areas(
    task: LocalizationTask, orders: Int[Tensor, "order edge"], sizes: tuple[int, ...], examples: Examples
) -> Float[Tensor, "order"]:
    """The area under the mean metric over circuit sizes, for each of many rankings."""
    rows, columns = (torch.from_numpy(index.copy()) for index in task.graph.edge_index)
    best = orders.argsort(dim=1)[:, None] < torch.tensor(sizes)[None, :, None]
    kept = torch.zeros(*best.shape[:2], *task.graph.edge_mask.shape, dtype=torch.bool)
    kept[:, :, rows, columns] = best
    metric = mean_of_circuits(task, task.metric, kept.flatten(0, 1), examples).unflatten(0, (len(orders), -1))
    return _round_off(torch.trapezoid(metric, torch.tensor(sizes, dtype=torch.float64), dim=1))


def _round_off(values: Tensor) -> Tensor:
    """Values without the digits that the order of additions decides, so that what is equal ties."""
    largest = values.abs().max().clamp(min=1e-300)
    return torch.round(values / largest, decimals=6) * largest


def _move(order: Order, generator: torch.Generator) -> Order:
    """One edge at another rank, the others in their order."""
    old, new = torch.randint(len(order), (2,), generator=generator).tolist()
    rest = torch.cat((order[:old], order[old + 1 :]))
    return torch.cat((rest[:new], order[old : old + 1], rest[new:]))
