"""ACDC: drop edges one by one, from the logits back, unless the circuit gets worse by a threshold."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mib.graph import EdgeScores, Graph
from mib.hyperparameters import Count, Rate
from mib.localization.learned_masks import draw_examples, mean_of_circuits
from mib.localization.objectives import Loss, Objective
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import owners

THRESHOLDS = tuple(10 ** (k / 2) for k in range(-10, 1))
"""From 1e-5 to 1, two a decade; 1 is the loss of the empty circuit."""


@localizer("acdc", cost="E x thresholds x F of a batch at most", source="Conmy et al. 2023, arXiv 2304.14997")
def acdc(
    task: LocalizationTask,
    *,
    thresholds: Sequence[Rate] = THRESHOLDS,
    examples: Count = 32,
    objective: Objective = "kl",
) -> EdgeScores:
    """The lowest threshold at which the sweep drops an edge; twice the highest for an edge that every sweep keeps.

    Args:
        task: Task of the circuit to localize.
        thresholds: tau, one sweep each. An edge is dropped if without it the loss of the circuit that is left rises
            by less than tau. Published per task, between 1e-5 and 1.
        examples: Number of examples that the loss is taken over; published: 50 and fewer.
        objective: Quantity that the loss compares, see ``Loss``; published: ``kl``.
    """
    taus = torch.tensor(sorted(set(thresholds)), dtype=torch.float64)
    kept = sweeps(task, taus, examples=examples, objective=objective)
    # Above every threshold, so that what no sweep drops ranks first.
    lowest = torch.where(kept, 2 * taus[-1], taus[:, None, None]).amin(0)
    return EdgeScores(task.graph, lowest.numpy())


def sweeps(
    task: LocalizationTask, taus: Float[Tensor, "tau"], *, examples: int, objective: Objective
) -> Bool[Tensor, "tau source destination"]:
    """The circuit that each threshold leaves. All sweeps go along the edges together, and equal circuits run once."""
    loss = Loss.of(task, objective, by="acdc")
    chosen = draw_examples(task, examples, task.generator())
    kept = torch.from_numpy(task.graph.edge_mask.copy()).repeat(len(taus), 1, 1)
    current = torch.zeros(len(taus), dtype=torch.float64)  # the whole model's loss
    owner = torch.from_numpy(owners(task.graph))
    for source, destination in from_the_logits(task.graph):
        node = int(owner[destination])
        is_read = torch.ones(len(taus), dtype=torch.bool) if node < 0 else kept[:, node].any(1)
        without = kept.clone()
        without[:, source, destination] = False
        after = current.clone()  # what nothing reads changes nothing
        if bool(is_read.any()):
            after[is_read] = mean_of_circuits(task, loss, without[is_read], chosen)
        drop = after - current < taus
        kept, current = torch.where(drop[:, None, None], without, kept), torch.where(drop, after, current)
    return kept


def from_the_logits(graph: Graph) -> Iterator[tuple[int, int]]:
    """Edges as (row, column): the last destination first, and of its sources the last first."""
    for destination in reversed(range(len(graph.destinations))):
        for source in reversed(range(int(graph.n_readable[destination]))):
            yield source, destination
