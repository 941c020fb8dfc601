"""Head importance score for pruning: how much the metric changes as a node's mask moves from one."""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.source_changes import Changes, KnownOutputs
from mib.graph import EdgeScores, NodeScores
from mib.localization.gradient_products import clean_gradients
from mib.localization.registry import localizer
from mib.localization.task import Batch, LocalizationTask
from mib.models.adapters.parts import Stream
from mib.sublayers import EMBEDDINGS, attention_sublayer, mlp_sublayer, split_sublayer, unembedding_sublayer

SOURCE = "Michel et al. 2019, arXiv 1905.10650; as ACDC runs it (Conmy et al. 2023, launch_sixteen_heads.py)"


@localizer("hisp", cost="2F+1B", source=SOURCE, levels=("edge", "node"), needs_gradient=True)
def hisp(task: LocalizationTask) -> EdgeScores | NodeScores:
    """Absolute gradients of an example's metric by the masks of each head's q, k and v and of each MLP's output.

    Summed over examples and divided by their L2 norm in the layer. A mask of q, k or v goes from what it reads on the
    clean run to what it reads with all of its edges cut. An edge goes when either of its nodes goes, so it scores as
    the lower of them; a head goes when its q, k and v are gone. Embeddings and logits have no mask and score 1, which
    no node exceeds.
    """
    graph = task.graph
    masks = torch.zeros(len(graph.destinations), dtype=torch.float64)
    for batch in task.batches(work=task.engine.gradient_work):
        masks = masks + _mask_gradients(task, batch)
    layers = masks[:-1].reshape(graph.n_layers, 3 * graph.n_heads + 1)
    layers = layers / layers.norm(dim=1, keepdim=True).clamp(min=1e-12)
    destinations = torch.cat((layers.flatten(), torch.ones(1)))
    # A head goes with the last of its q, k and v: the largest of their scores.
    heads, mlps = layers[:, :-1].unflatten(1, (3, graph.n_heads)).amax(1), layers[:, -1:]
    sources = torch.cat((torch.ones(2 if graph.pos else 1), torch.cat((heads, mlps), dim=1).flatten()))
    if task.level == "node":
        return NodeScores(graph, sources.double().numpy())
    return EdgeScores(graph, torch.minimum(sources[:, None], destinations[None]).double().numpy())


def _mask_gradients(task: LocalizationTask, batch: Batch) -> Float[Tensor, "destination"]:
    """Sums over examples, in the order of the graph's destinations; an MLP's is that of its output, the logits' 0."""
    graph = task.graph
    written, visit_gradients = clean_gradients(task, batch)
    changes = task.engine.changes(batch.clean, batch.counterfactual, known=KnownOutputs(written))
    read = _read_changes(changes, graph.n_layers)
    masks = [torch.zeros(0, dtype=torch.float64)] * unembedding_sublayer(graph.n_layers)
    after: Stream | None = None  # the gradient at the stream after the sublayer

    def visit(sublayer: int, gradient: Tensor) -> None:
        nonlocal after
        if after is not None:
            layer, is_mlp = split_sublayer(sublayer)
            change, slope = (changes.of(sublayer), after[:, None]) if is_mlp else (read[layer][:, None], gradient)
            masks[sublayer] = (change * slope).double().sum((2, 3)).abs().sum(0).cpu()
        inside = gradient.sum(1)
        after = inside if after is None else after + inside

    visit_gradients(visit)
    return torch.cat((*masks, torch.zeros(1, dtype=torch.float64)))


def _read_changes(changes: Changes, n_layers: int) -> list[Stream]:
    """Give what cutting all edges into a layer's attention changes there, for each layer."""
    total, found = changes.of(EMBEDDINGS).sum(1), list[Stream]()
    for layer in range(n_layers):
        found.append(total)
        total = total + changes.of(attention_sublayer(layer)).sum(1) + changes.of(mlp_sublayer(layer)).sum(1)
    return found
