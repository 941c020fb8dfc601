"""Ten realistic errors, each planted in a copy of edge attribution patching (Syed et al. 2023, arXiv 2310.10348)."""

from dataclasses import replace

import torch
import torch.nn.functional as F

import mib
from mib.localization.task import LocalizationTask


def gradients_at(task, batch):
    """The metric's gradient at each destination's input, on the clean run."""
    trace = task.engine.trace(batch.clean)
    return trace.destination_gradients(task.metric(trace.logits, batch.examples).sum())


def copy_of_eap(
    task: LocalizationTask,
    *,
    differences=None,
    gradients=gradients_at,
    product=None,
    by_step=lambda gradients: gradients,
) -> mib.EdgeScores:
    """The algorithm as it should be: minus (ablated - clean) times gradient, summed, in the mean over examples.

    Args:
        task: What to localize.
        differences: What cutting changes in each source [example, source, position, d_model].
        gradients: The metric's gradient at each destination's input, a tensor a step.
        product: From written and read to [source, destination].
        by_step: Changes the list of gradients.
    """
    differences = differences or (lambda task, batch: task.engine.differences(batch.clean, batch.counterfactual))
    product = product or (lambda w, r: -torch.einsum("espd,ecpd->sc", w, r))
    scores = torch.zeros(len(task.graph.sources), len(task.graph.destinations), dtype=torch.float64)
    for batch in task.batches():
        written = differences(task, batch)
        for step, gradient in enumerate(by_step(gradients(task, batch))):
            n = task.engine.columns.readable(step)
            scores[:n, task.engine.columns.of(step)] += product(written[:, :n], gradient).double()
    return mib.EdgeScores(task.graph, (scores / len(task)).numpy())


def wrong_sign(task):
    """Ablated minus clean without the minus."""
    return copy_of_eap(task, product=lambda w, r: torch.einsum("espd,ecpd->sc", w, r))


def k_and_v_swapped(task):
    """The gradients of keys and values exchanged."""

    def swap(gradients):
        for gradient in gradients:
            if gradient.shape[1] % 3 == 0:
                q, k, v = gradient.chunk(3, dim=1)
                gradient = torch.cat((q, v, k), dim=1)
            yield gradient

    return copy_of_eap(task, by_step=swap)


def off_by_one_layer(task):
    """Each layer's gradients taken from the layer before."""

    def shifted(gradients):
        return [gradients[max(step - 2, step % 2)] for step in range(len(gradients) - 1)] + [gradients[-1]]

    return copy_of_eap(task, by_step=shifted)


def mean_over_positions(task):
    """The mean over positions in the place of the sum."""
    return copy_of_eap(task, product=lambda w, r: -torch.einsum("espd,ecpd->sc", w, r) / w.shape[2])


def gradient_at_the_wrong_hook(task):
    """For MLPs the gradient at the stream that leaves the block, residual path included."""

    def hooked(task, batch):
        trace = task.engine.trace(batch.clean)
        loss = task.metric(trace.logits, batch.examples).sum()
        streams = trace.output_gradients(loss)
        reads = list(trace.destination_gradients(loss))
        for step in range(1, len(reads) - 1, 2):
            reads[step] = streams[step + 1][:, None]
        return reads

    return copy_of_eap(task, gradients=hooked)


def bos_dropped(task):
    """The model run on inputs without BOS."""
    metric = task.metric
    cut = replace(
        task,
        clean=task.clean[:, 1:],
        counterfactual=task.counterfactual[:, 1:],
        metric=lambda logits, examples: metric(F.pad(logits, (0, 0, 1, 0)), examples),
    )
    return copy_of_eap(cut)


_cache: dict[tuple[int, ...], torch.Tensor] = {}


def stale_cache(task):
    """Differences kept from the last task of that size."""

    def cached(task, batch):
        key = (len(batch.examples), *task.clean.shape, len(task.graph.sources), task.graph.d_model)
        if key not in _cache:
            _cache[key] = task.engine.differences(batch.clean, batch.counterfactual)
        return _cache[key]

    return copy_of_eap(task, differences=cached)


def abs_too_early(task):
    """The absolute value of each dimension's product, before the sum."""
    return copy_of_eap(task, product=lambda w, r: torch.einsum("espd,ecpd->sc", w.abs(), r.abs()))


def missing_mlp_edges(task):
    """Edges into MLPs are left at 0."""
    found = copy_of_eap(task)
    columns = [i for i, name in enumerate(task.graph.destinations) if name.startswith("m")]
    values = found.values.copy()
    values[:, columns] = 0.0
    return mib.EdgeScores(task.graph, values)


def corrupted_and_clean_exchanged(task):
    """The counterfactual is run, and the clean values are put into it."""

    def exchanged(task, batch):
        return task.engine.differences(batch.counterfactual, batch.clean)

    def at_counterfactual(task, batch):
        return gradients_at(task, replace(batch, clean=batch.counterfactual))

    return copy_of_eap(task, differences=exchanged, gradients=at_counterfactual)


MUTANTS = (
    wrong_sign,
    k_and_v_swapped,
    off_by_one_layer,
    mean_over_positions,
    gradient_at_the_wrong_hook,
    bos_dropped,
    stale_cache,
    abs_too_early,
    missing_mlp_edges,
    corrupted_and_clean_exchanged,
)
