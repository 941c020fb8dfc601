"""Logit lens: what each source's output says in the vocabulary, to whichever component reads it.

The residual stream that a destination reads is unembedded as if the model ended there, and the destination's edges are
scored by how far cutting each of them moves the metric of these logits. The scale of the final norm is the one that
this stream has, and is held constant.

The column of the logits is direct logit attribution, which scores nothing else. A vector's projection does not know who
reads it: in a model without norms, under a metric that is linear in the logits, a source's edges all have the score of
its edge into the logits.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.source_changes import KnownOutputs
from mib.graph import EdgeScores
from mib.localization.frozen_parts import frozen
from mib.localization.gradient_products import sum_of_products
from mib.localization.registry import localizer
from mib.localization.task import Batch, LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Stream

SOURCE = "nostalgebraist 2020, interpreting GPT: the logit lens; Geva et al. 2022, arXiv 2203.14680"


@localizer("logit-lens", cost="2F and 2L+1 unembeddings (F+B)", source=SOURCE, needs_gradient=True)
def logit_lens(task: LocalizationTask) -> EdgeScores:
    """What cutting changes in the metric of the logits that the stream at the destination would have as the last."""
    engine = task.engine
    lens = replace(engine.anatomy, final_norm=frozen(engine.anatomy.final_norm))
    scores = torch.zeros(len(task.graph.sources), len(task.graph.destinations), dtype=torch.float64)
    for batch in task.batches(work=engine.gradient_work):
        streams, ran = engine.streams_and_outputs(batch.clean)
        changes = engine.changes(batch.clean, batch.counterfactual, known=KnownOutputs(ran))
        gradients = ((sublayer, _gradient_at(task, batch, lens, stream)) for sublayer, stream in enumerate(streams))
        scores += sum_of_products(task, changes, gradients)
    return EdgeScores(task.graph, (scores / len(task)).numpy())


def _gradient_at(
    task: LocalizationTask, batch: Batch, lens: Anatomy, stream: Stream
) -> Float[Tensor, "example 1 position d_model"]:
    """The gradient of the metric of a stream's own logits, which all destinations that read it share."""
    leaf = stream.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(task.metric(lens.unembed(leaf), batch.examples).sum(), leaf)
    return gradient[:, None]
