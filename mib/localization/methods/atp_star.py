"""AtP*: attribution patching that recomputes the softmax for queries and keys, and drops a layer's gradients in turn.

A saturated softmax has no gradient, so what an edge into q or k does to its head's output is computed exactly and only
then multiplied by the gradient there. Effects that cancel between layers are uncovered by leaving the gradient
through one layer out at a time (GradDrop).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.gradients import Trace
from mib.engine.single_cuts import FullRun
from mib.engine.source_changes import KnownOutputs
from mib.graph import EdgeScores, NodeScores
from mib.localization.registry import localizer
from mib.localization.remade_parts import remade
from mib.localization.task import Batch, LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Block, Mlp, PerHead, Stream
from mib.sublayers import attention_sublayer, is_mlp_sublayer, mlp_sublayer, unembedding_sublayer, writing_sublayers

Dropped = Literal["layers", "none"]
Gradients = tuple[Trace, tuple[Tensor, ...], tuple[Stream, ...]]
"""A run, and the gradients at what each sublayer's destinations read and at the stream after each sublayer that writes,
embeddings first."""


@localizer(
    "atp-star",
    cost="2F+L(F+B)",
    source="Kramar et al. 2024, arXiv 2403.00745",
    levels=("edge", "node"),
    needs_gradient=True,
)
def atp_star(task: LocalizationTask, *, dropped: Dropped = "layers") -> EdgeScores | NodeScores:
    """Mean over examples of the absolute estimated effect, averaged over passes that each leave a layer out.

    The average is over the other layers than a part's own, which leaves nothing of it (section 3.2 of the paper); a
    model of one layer has no layer to leave out. An effect that passes through every other layer, as in a chain of
    MLPs, is left out by every pass and scores 0. Queries and keys are patched at all positions together, as MIB's
    edges are, where the paper patches them at one.

    Args:
        task: Task of the circuit to localize.
        dropped: ``layers``, or ``none`` for one pass with all gradients (the softmax is still recomputed).
    """
    passes = [leave_out(task.engine.anatomy, layer) for layer in range(task.graph.n_layers)]
    # With one layer nothing of it would be left.
    passes = passes if len(passes) > 1 and dropped == "layers" else [task.engine.anatomy]
    effects = _node_effects if task.level == "node" else _edge_effects
    scores = sum((effects(task, batch, passes) for batch in task.batches()), torch.zeros(()))
    parts = task.graph.sources if task.level == "node" else task.graph.destinations
    mean = scores / (len(task) * _passes_with_effect(task, parts, len(passes)))
    return NodeScores(task.graph, mean.numpy()) if task.level == "node" else EdgeScores(task.graph, mean.numpy())


class _SilentAttention(Attention):
    def total(self, mixed: PerHead) -> Stream:
        return super().total(mixed).detach()


class _SilentMlp(Mlp):
    def __call__(self, x: Stream) -> Stream:
        return super().__call__(x).detach()


def leave_out(anatomy: Anatomy, layer: int) -> Anatomy:
    """The same model, with no gradient through what a layer adds to the residual stream."""
    block = anatomy.blocks[layer]
    silent = Block(remade(block.attention, _SilentAttention), remade(block.mlp, _SilentMlp))
    return replace(anatomy, blocks=(*anatomy.blocks[:layer], silent, *anatomy.blocks[layer + 1 :]))


def _passes_with_effect(task: LocalizationTask, parts: Sequence[str], n_passes: int) -> Float[Tensor, "part"]:
    """Count the passes that leave something of each part: all but its own layer's, if it is in a layer."""
    inside = [0 <= task.graph.locate(part).layer < task.graph.n_layers for part in parts]
    return n_passes - torch.tensor(inside, dtype=torch.float64) * (n_passes > 1)


def _gradients(task: LocalizationTask, batch: Batch, passes: Sequence[Anatomy]) -> Iterator[Gradients]:
    """Each pass's gradients, of which those at its own layer's outputs are 0."""
    for left_out, anatomy in enumerate(passes):
        run = task.engine.trace(batch.clean, through=anatomy)
        loss = task.metric(run.logits, batch.examples).sum()
        wanted = (*run.reads, run.start, *run.after)
        found = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
        reads, outputs = found[: len(run.reads)], list(found[len(run.reads) :])
        if len(passes) > 1:
            for sublayer in (attention_sublayer(left_out), mlp_sublayer(left_out)):
                place = writing_sublayers(task.graph.n_layers).index(sublayer)
                # At its own output the gradient is that of the stream after it, not cut off: the paper's pass leaves
                # nothing of it.
                outputs[place] = torch.zeros_like(outputs[place])
        yield run, reads, tuple(outputs)


def _node_effects(task: LocalizationTask, batch: Batch, passes: Sequence[Anatomy]) -> Float[Tensor, "source"]:
    difference, effects = None, torch.zeros(len(task.graph.sources), dtype=torch.float64)
    for run, _, outputs in _gradients(task, batch, passes):
        if difference is None:  # whatever is left out going back, going forward it is the clean run
            known = KnownOutputs(run.written(task.engine.embeddings(batch.clean)))
            difference = task.engine.differences(batch.clean, batch.counterfactual, known=known)
        for sublayer, gradient in zip(writing_sublayers(task.graph.n_layers), outputs, strict=True):
            rows = task.engine.columns.writers(sublayer)
            effects[rows] += _absolute(difference[:, rows], gradient[:, None])[:, 0]
    return effects


def _edge_effects(
    task: LocalizationTask, batch: Batch, passes: Sequence[Anatomy]
) -> Float[Tensor, "source destination"]:
    engine, graph = task.engine, task.graph
    full = engine.run_fully(batch.clean)
    difference = engine.differences(batch.clean, batch.counterfactual, known=KnownOutputs(full.written))
    effects = torch.zeros(len(graph.sources), len(graph.destinations), dtype=torch.float64)
    after: list[tuple[Stream, ...]] = []
    for _, reads, outputs in _gradients(task, batch, passes):
        # Without the embeddings, so that the place in it is the number of a sublayer.
        after.append(outputs[1:])
        for sublayer, gradient in enumerate(reads):
            heads_read = sublayer != unembedding_sublayer(graph.n_layers) and not is_mlp_sublayer(sublayer)
            exact = 2 * graph.n_heads if heads_read else 0  # q and k: below
            columns, n_sources = engine.columns.of(sublayer), engine.columns.readable(sublayer)
            rest = slice(columns.start + exact, columns.stop)
            effects[:n_sources, rest] += _absolute(difference[:, :n_sources], gradient[:, exact:])
    for source, destination, sublayer, change in _query_key_changes(task, full, difference):
        effects[source, destination] += sum(
            _absolute(change[:, None], gradients[sublayer][:, None])[0, 0] for gradients in after
        )
    return effects


@torch.no_grad()
def _query_key_changes(
    task: LocalizationTask, full: FullRun, difference: Tensor
) -> Iterator[tuple[int, int, int, Stream]]:
    """Yield what cutting each edge into a query or key adds to the stream after its head's layer of attention."""
    graph, rows = task.graph, torch.arange(len(difference), device=difference.device)
    for destination, name in enumerate(graph.destinations):
        place = graph.locate(name)
        if place.letter not in ("q", "k"):
            continue
        for source in range(int(graph.n_readable[destination])):
            _, middle = full.cut_head(place.layer, place.head, place.letter, rows, difference[:, source])
            yield source, destination, attention_sublayer(place.layer), middle - full.layers[place.layer].middle


def _absolute(
    change: Float[Tensor, "example source position d_model"],
    gradient: Float[Tensor, "example destination position d_model"],
) -> Float[Tensor, "source destination"]:
    """Absolute value of an example's change times gradient, summed over examples."""
    return torch.einsum("espd,etpd->est", change.double(), gradient.double()).abs().sum(0).cpu()
